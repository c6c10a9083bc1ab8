# Everything runs in .venv, which is made when first needed and brought up to date when
# pyproject.toml or constraints.txt changes. All it takes is make and Python 3.11 or later.

PYTHON ?= python3
WORKERS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
FUZZ_SECONDS ?= 60

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -c constraints.txt
PINS := pyproject.toml constraints.txt

# One thread a process: several default-threaded torch processes on few cores stall each other.
# The slow tests of a file stand together: who has none left takes some of another process.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

RUN := $(VENV)/.ready-run
DEV := $(VENV)/.ready-dev
FUZZ := $(VENV)/.ready-fuzz

NOTEBOOKS = $(wildcard docs/*.ipynb examples/*.ipynb)

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check format fuzz bench docs clean

# pip must not run twice at a time in one environment, so `make -j` is serial here; the tests
# themselves use every core.
.NOTPARALLEL:

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1|\2/p' Makefile \
	  | while IFS='|' read -r target text; do printf '%-15s %s\n' "$$target" "$$text"; done

demo: $(RUN) ## prepare, train, evaluate and report on the embedded data
	$(BIN)/gesta demo

test: $(DEV) ## every test that is not slow (under 10 minutes)
	$(PYTEST) -m "not slow"

test-all: $(DEV) ## the full matrix of models, layouts and modes (under 30 minutes)
	$(PYTEST)

check: $(DEV) ## format, lint, types, architecture and unit tests (under 90 s)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) -q -m "not slow" tests/architecture $(wildcard tests/unit)

format: $(DEV) ## format the code and mend what the linter can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

fuzz: $(FUZZ) ## FUZZ_SECONDS of random bytes for each reader in tests/fuzz
	@for target in tests/fuzz/fuzz_*.py; do \
	  if [ ! -e "$$target" ]; then echo "make fuzz: there is no tests/fuzz/fuzz_*.py to run" >&2; exit 1; fi; \
	  name=$$(basename "$$target" .py); \
	  mkdir -p ".fuzz/$$name" || exit 1; \
	  echo "$$target"; \
	  $(BIN)/python "$$target" -max_total_time=$(FUZZ_SECONDS) \
	    -artifact_prefix=".fuzz/$$name-" ".fuzz/$$name" || exit 1; \
	done

bench: $(RUN) ## latency and throughput of every model on this machine
	$(BIN)/gesta bench

# pytest's status 5 means that no example was found, which is not a failure.
docs: $(DEV) ## run every example in the docstrings, the Markdown pages and the notebooks
	$(PYTEST) -q --doctest-modules --doctest-glob='*.md' \
	  src/gesta $(wildcard README.md docs) || [ $$? -eq 5 ]
	@for notebook in $(NOTEBOOKS); do \
	  OMP_NUM_THREADS=1 $(BIN)/jupyter-execute "$$notebook" || exit 1; \
	done

clean: ## remove .venv and everything else that is generated
	rm -rf $(VENV) .fuzz .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find benchmarks docs examples src tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "gesta needs Python 3.11 or later, and '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(RUN): $(VENV)/.created $(PINS)
	$(PIP) -e .
	@touch $@

# What serves development serves a run as well.
$(DEV): $(VENV)/.created $(PINS)
	$(PIP) -e '.[dev]'
	@touch $(RUN) $@

$(FUZZ): $(DEV)
	$(PIP) -e '.[fuzz]'
	@touch $@
