// Pins the Python that the archives carry: the builds of python-build-standalone for four platforms, as a Go module ships them.
// Nothing is compiled from it; go.sum vouches for every byte.
module kubectl-lrs/krew/runtime

go 1.26

require github.com/kluctl/go-embed-python v0.0.0-3.14.6-20260610-1
