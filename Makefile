# Without make: run the line of the target.
.PHONY: demo test bench

demo:
	python3 tests/demo.py $(if $(CONTEXT),--context $(CONTEXT))

test:
	python3 tests/gate.py

bench:
	python3 benchmarks/run.py
