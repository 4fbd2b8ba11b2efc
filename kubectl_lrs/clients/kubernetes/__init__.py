"""The Kubernetes API: which server and as whom, HTTP to it, its objects, ports of pods."""
