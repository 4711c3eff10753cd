# make demo | test | check | bench | test-slow; needs Python 3.11 or newer, a C compiler and a package index.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help

# All paths are relative, so a clone in a folder with spaces works.
BIN := .venv/bin
SOURCES := src tests $(wildcard benchmarks)

# One process per core and no spinning: two OpenMP threads on a busy machine are slower than one.
export OMP_WAIT_POLICY := PASSIVE
# pip builds some packages from source; these two make it use the pinned build tools as well (older and newer pip).
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

# Override with `make PYTHON=/path/to/python3 ...`; otherwise the first one that can make the environment.
PYTHON ?=
CANDIDATES := $(if $(PYTHON),"$(PYTHON)",python3.11 python3.12 python3.13 python3 python)
CAN_BUILD := import ensurepip, os, sys, sysconfig, venv; \
  sys.exit(sys.version_info < (3, 11) or not os.path.exists(sysconfig.get_path("include") + "/Python.h"))

# What pip says, less the long list of what is there already.
NEWS := { grep -v '^Requirement already satisfied' || true; }

.PHONY: help
help:
	@echo "make demo       simulate a small run, basecall it, score it, write a report to demo/"
	@echo "make test       the checks below, then the test suite (under 10 minutes on 2 cores)"
	@echo "make check      ruff, formatting, types, import contract"
	@echo "make bench      the benchmarks in benchmarks/"
	@echo "make test-slow  the tests that take long"
	@echo "make clean      remove .venv and caches"

.venv/bin/python:
	@command -v cc >/dev/null || command -v gcc >/dev/null || \
	  { echo "make: a C compiler (cc or gcc) is needed to build mappy: install one and run make again" >&2; exit 1; }
	@for python in $(CANDIDATES); do \
	  if "$$python" -c '$(CAN_BUILD)' 2>/dev/null; then \
	    echo "making .venv with $$("$$python" --version)"; exec "$$python" -m venv .venv; \
	  fi; \
	done; \
	echo "make: no Python 3.11 or newer with venv and headers (Debian: python3-venv, python3-dev) found;" \
	  "install one, or name it: make PYTHON=/path/to/python3 ..." >&2; exit 1

.venv/run.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing the pinned run-time dependencies into .venv (the first time: about 4 minutes)"
	@$(BIN)/python -m pip install -c constraints.txt -e . | $(NEWS)
	@touch $@

.venv/test.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing the pinned run-time and test dependencies into .venv (the first time: about 4 minutes)"
	@$(BIN)/python -m pip install -c constraints.txt -e '.[test]' | $(NEWS)
	@touch .venv/run.stamp $@

.PHONY: demo
demo: .venv/run.stamp
	$(BIN)/lexome demo -o demo

.PHONY: check
check: .venv/test.stamp
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-logo

.PHONY: test
test: check
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

.PHONY: test-slow
test-slow: .venv/test.stamp
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -m 'slow and not gpu'

.PHONY: bench
bench: .venv/test.stamp
	@shopt -s nullglob; for script in benchmarks/[!_]*.py; do \
	  echo "== $$script"; OMP_NUM_THREADS=1 $(BIN)/python "$$script"; \
	done

.PHONY: clean
clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
