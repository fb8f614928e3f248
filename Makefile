# Recipes for contributors. Override the interpreter with: make test PYTHON=python3
PYTHON ?= .venv/bin/python
BIN := $(dir $(PYTHON))

.PHONY: test test-fast check fix examples

test:  ## all tests
	$(PYTHON) -m pytest -q

test-fast:  ## without the slow ones
	$(PYTHON) -m pytest -q -m "not slow"

check:  ## read-only: style, types, import layers
	$(BIN)ruff check .
	$(BIN)ruff format --check .
	$(BIN)mypy
	$(BIN)lint-imports

fix:  ## what can be repaired by machine
	$(BIN)ruff check --fix .
	$(BIN)ruff format .

examples:  ## digitize the example pages and score them
	$(BIN)ecgdigit-rt run examples/ --out submission.csv --test examples/test.csv --overlay overlays
	$(BIN)ecgdigit-rt evaluate submission.csv examples/truth
