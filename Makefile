# Every command here needs only make and Python 3.11+ on the machine: `.venv` is made by the first one that runs.
# Set-up words go to stderr, so that stdout is the command's own.
SHELL       := /bin/sh
PYTHON      ?= python3
JOBS        ?= 2
VENV        := .venv/bin
PYTEST      := $(VENV)/python -m pytest
PYTEST_ARGS ?=
COMPILE     := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet

MAKEFLAGS     += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup run demo-json up test test-system test-browser pictures journey check format lock sabotage million claims kills bench clean
.NOTPARALLEL:

help: ## list these commands
	@awk -F ':.*## ' '/^[a-zA-Z%-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: ## make .venv from the lock; under a second when nothing changed
	@$(PYTHON) scripts/setup_venv.py $(if $(filter file,$(origin PYTHON)),,--this)

run: setup ## a shop in full swing to look around in: storefront, mailbox, console
	@$(VENV)/doorstep demo --keep --lively --orders 150 --data $${DOORSTEP_DATA:-.doorstep}/run

demo-json: setup ## play the demo and print one JSON object, nothing else, on stdout
	@$(VENV)/doorstep demo --json

up: setup ## start an empty Doorstep: PostgreSQL, server and worker
	@$(VENV)/doorstep up

# A system PostgreSQL goes first, so that the last lines are the summary of the whole suite.
test: setup test-system ## all tests; journey and races also on a system PostgreSQL 15+ when there is one
	@$(PYTEST) -n $(JOBS) $(PYTEST_ARGS) tests

test-system: setup
	@$(VENV)/python scripts/test_on_system_postgres.py -n $(JOBS) $(PYTEST_ARGS)

test-browser: setup ## every page in a real Chromium, in four looks, and the journey of a jersey through them
	@DOORSTEP_BROWSER=required $(PYTEST) -n $(JOBS) $(PYTEST_ARGS) tests/browser

pictures: setup ## every page in four looks into build/pictures; renews those in docs/pictures
	@$(VENV)/python -m tests.browser.pictures $(PAGES)

journey: setup ## only the journey, one file a step
	@$(PYTEST) -n $(JOBS) $(PYTEST_ARGS) tests/journey

check: setup ## what CI runs: format, lint, types, imports, style, all tests
	@echo "format"  && $(VENV)/ruff format --check --quiet .
	@echo "lint"    && $(VENV)/ruff check --quiet .
	@echo "types"   && $(VENV)/mypy --strict --no-error-summary src tests scripts bench
	@echo "imports" && $(VENV)/lint-imports --no-cache >.lint-imports.log 2>&1 || { cat .lint-imports.log; exit 1; }
	@echo "style"   && $(PYTEST) -q --noconftest tests/style
	@$(MAKE) test

format: setup ## rewrite the code in the house format
	@$(VENV)/ruff format --quiet . && $(VENV)/ruff check --fix --quiet .

lock: ## resolve the dependencies anew (needs uv)
	@$(COMPILE) pyproject.toml -o requirements.lock
	@$(COMPILE) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock

accept-%: setup ## measure every line of "Done when" of a step: make accept-1
	@$(VENV)/python -m tests.accept $*

million: setup ## search among a million orders: how long each kind of question takes (some 15 minutes, 8 GB)
	@$(VENV)/python -m tests.acceptance.million

claims: setup ## a million claims by 64 writers: nothing oversold, no deadlock, each refusal proven true (some 15 minutes)
	@$(VENV)/python -m tests.claims $(if $(CLAIMS),--claims $(CLAIMS)) $(if $(SEED),--seed $(SEED))

kills: setup ## kill -9 of server, worker and PostgreSQL under load, a hundred times: nothing lost, nothing twice
	@$(VENV)/python -m tests.kills $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED))

sabotage: setup ## take the safeguards away one by one; a named test must fail each time
	@$(VENV)/python -m tests.sabotage

bench: setup ## how fast it is, beside PostgreSQL alone: some 20 minutes (make bench BENCH="a c --quick"; needs wrk)
	@$(VENV)/python -m bench $(BENCH)

clean: ## remove caches and .venv; never a data folder
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .lint-imports.log build dist
