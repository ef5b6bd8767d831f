# `make up` runs the whole system, `make test` checks everything that CI checks.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON_IN := .venv/bin/python
# One more than the two cores of CI: tests with real bots mostly wait for them.
WORKERS ?= 3
MINUTES ?= 30

# Without bytecode each of the system's many processes would compile all of it.
unexport PYTHONDONTWRITEBYTECODE

# Django's settings refuse to load without these; checks that only read code use none.
SETTINGS_FOR_READING := BTCW_SECRET_KEY=unused BTCW_ENCRYPTION_KEYS=unused \
	DATABASE_URL=postgres://127.0.0.1:1/unused REDIS_URL=redis://127.0.0.1:1/0

.PHONY: help up test tests tests-quick lint types imports migrations format bench soak clean \
	requirements frontend screenshots photographs venv venv-dev chromium

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{ printf "make %-14s %s\n", $$1, $$2 }'

up: venv ## install, start everything, serve until Ctrl-C
	@# The signal at our parent's end lets kill -9 of make stop the system too.
	@exec setpriv --pdeathsig TERM $(PYTHON_IN) -m btc_watcher.local up

test: venv-dev chromium ## everything that CI checks
	@MAKE="$(MAKE)" scripts/check.sh lint types imports migrations tests

tests: venv-dev frontend ## all tests, with branch coverage and its floor
	@WORKERS=$(WORKERS) scripts/tests.sh

tests-quick: venv-dev frontend ## tests without browser, real freqtrade and killed servers
	@$(PYTHON_IN) -m pytest -n $(WORKERS) --dist worksteal -m "not e2e and not freqtrade and not faults"

lint: venv-dev ## style and likely mistakes
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

types: venv-dev ## types, strictly
	@$(SETTINGS_FOR_READING) $(PYTHON_IN) -m mypy .

imports: venv-dev ## who may import whom
	@$(SETTINGS_FOR_READING) .venv/bin/lint-imports

migrations: venv-dev ## models and migrations agree
	@$(PYTHON_IN) -m btc_watcher.local servers --throwaway -- \
		$(PYTHON_IN) manage.py makemigrations --check --dry-run

format: venv-dev ## rewrite the code in the one style
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

bench: venv-dev frontend ## measure; one JSON object per figure
	@$(PYTHON_IN) -m tests.benchmarks

soak: venv-dev frontend ## MINUTES of faults on the whole system, then an oracle judges
	@$(PYTHON_IN) -m tests.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) \
		$(if $(JSON),--json)

clean: venv ## remove BTCW_HOME (var/): database, secrets, bots, logs
	@$(PYTHON_IN) -m btc_watcher.local clean

frontend: venv ## fetch the libraries of the pages (npm, pinned by the lock file)
	@$(PYTHON_IN) -m btc_watcher.local frontend

screenshots: venv-dev chromium ## pictures of the documentation, from a running make up
	@$(PYTHON_IN) scripts/screenshots.py --password "$(PASSWORD)" \
		$(if $(ADDRESS),--address "$(ADDRESS)") $(if $(ACCOUNT),--account "$(ACCOUNT)") $(ONLY)

photographs: venv-dev chromium ## every page of a running make up, to look through
	@$(PYTHON_IN) scripts/photographs.py --password "$(PASSWORD)" \
		$(if $(ADDRESS),--address "$(ADDRESS)") $(if $(ACCOUNT),--account "$(ACCOUNT)") $(ONLY)

requirements: venv-dev ## pin what the .in files name (UPGRADE=1: newest of all)
	@for name in requirements requirements-dev; do \
		.venv/bin/uv pip compile --quiet --universal --python-version 3.11 \
			--generate-hashes --no-header --no-annotate --no-emit-index-url \
			--no-emit-find-links $(if $(UPGRADE),--upgrade) --output-file $$name.txt $$name.in; \
	done

venv:
	@scripts/bootstrap.sh run

venv-dev:
	@scripts/bootstrap.sh dev

chromium:
	@scripts/chromium.sh
