# Recipes for contributors. Override the interpreter with: make test PYTHON=python3
PYTHON ?= .venv/bin/python
BIN := $(dir $(PYTHON))

.PHONY: test test-fast check fix examples locks

test:  ## all tests
	$(PYTHON) -m pytest -q -m "slow or not slow"

test-fast:  ## all but the slow tests
	$(PYTHON) -m pytest -q

check:  ## read-only: style, types, import contracts, prose
	$(BIN)ruff check .
	$(BIN)ruff format --check .
	$(BIN)mypy
	$(BIN)lint-imports
	$(PYTHON) docs/tools/prose.py

fix:  ## formats, and applies automatic fixes
	$(BIN)ruff check --fix .
	$(BIN)ruff format .

examples:  ## digitize the example pages and score them
	$(BIN)ecgdigit-rt run examples/ --out submission.csv --test examples/test.csv --overlay overlays
	$(BIN)ecgdigit-rt evaluate submission.csv examples/truth

LOCK := CUSTOM_COMPILE_COMMAND="make locks" $(BIN)pip-compile -q --generate-hashes --strip-extras \
	--no-emit-index-url --no-emit-find-links

locks:  ## updates the pinned packages of the images, with hashes, within the ranges of pyproject.toml
	$(LOCK) --upgrade -o requirements/runtime.txt pyproject.toml
	$(LOCK) --upgrade --only-build-deps --build-deps-for wheel -o requirements/build.txt pyproject.toml
	$(LOCK) --upgrade -o requirements/gpu.txt requirements/gpu.in
