# Every target works on a fresh machine with Python and gcc: .venv is made when missing and
# made again when a lock changes.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PORT   ?= 8080
SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: help build run test check format bench fuzz load lock clean

help:  ## what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A virtual environment without pip is half-made (Debian needs python3-venv): it is removed, so that the next try counts.
$(BIN)/pip:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: requirements/dev.txt | $(BIN)/pip
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.built: $(VENV)/.installed pyproject.toml setup.py synapse/_dlp.pyx $(wildcard synapse/dlp/compiled/*.pxi)
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e . 2>.build.log || { cat .build.log; exit 1; }
	@rm -f .build.log
	@touch $@

build: $(VENV)/.built  ## virtual environment, locked dependencies, compiled extension

run: build  ## the gateway with its demo model, team and key (PORT is respected)
	$(BIN)/synapse serve --demo --port $(PORT)

test: build  ## everything that proves the project
	$(BIN)/python -m pytest

check: build  ## format, lint, types, import contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: build  ## put the code into house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# What the DLP engine is measured beside is large and not needed: where it cannot be had, its columns say so.
$(VENV)/.benched: requirements/bench.txt $(VENV)/.installed
	$(BIN)/pip install --quiet --require-hashes -r requirements/bench.txt || echo "requirements/bench.txt: not installed"
	@touch $@

bench: build $(VENV)/.benched  ## benchmarks, as ratios within one run
	$(BIN)/python -m benchmarks

# Two builds in folders of their own: one checks bounds, one has the compiler's sanitizers.
fuzz: build  ## hostile calls of the compiled DLP core, SECONDS on each of two checking builds
	cd tests/fuzz && ../../$(BIN)/python -c "import extension as e; e.build(e.ROOT / 'build/debug', SYNAPSE_DEBUG_BUILD='1')"
	cd tests/fuzz && ../../$(BIN)/python -c "import extension as e; e.build(e.ROOT / 'build/sanitized', SYNAPSE_SANITIZE='1')"
	$(BIN)/python tests/fuzz/fuzz.py --seconds $(SECONDS) --build build/debug
	$(BIN)/python tests/fuzz/fuzz.py --seconds $(SECONDS) --build build/sanitized
	$(BIN)/python tests/fuzz/fuzz.py --seconds $(SECONDS) --build build/sanitized --hypothesis

load: build  ## load test with its latency guard
	$(BIN)/python -m loadtests

lock: $(BIN)/pip  ## pin every dependency with hashes, from pyproject.toml
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --allow-unsafe --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-header --extra embedded --output-file requirements/runtime.txt pyproject.toml
	$(BIN)/pip-compile --quiet --allow-unsafe --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-header --extra embedded --extra dev --output-file requirements/dev.txt pyproject.toml
	$(BIN)/pip-compile --quiet --allow-unsafe --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-header --extra embedded --extra dev --extra bench --constraint requirements/dev.txt --output-file requirements/bench.txt pyproject.toml

clean:  ## remove what was built, keep state and .venv
	rm -rf build dist *.egg-info synapse/_dlp.c synapse/*.so $(VENV)/.built
