# GNU make 4.3. What each command needs is installed into a virtual environment at its first run, and
# again only when a requirements file has changed.

VENV ?= .venv
PYTHON ?= python3
ARGS ?=

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --requirement
PRACTICE := $(VENV)/installed-practice
DEVELOPMENT := $(VENV)/installed-dev

.PHONY: help
help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: $(PRACTICE)  ## Start the product and a practice identity provider (PORT=8000, PRACTICE_IDP_PORT=9400)
	@exec $(BIN)/python -m tests.practice

# One process more than most machines have cores for, since those that drive a browser wait for it.
PARALLEL := --numprocesses=3 --dist=loadfile --no-loadscope-reorder
# Measured where no test is left out; it doubles the time.
COVERAGE := --cov --cov-report=term-missing:skip-covered
# The files that decide who gets in.
DECIDES := sso_connectors/login/flow.py,sso_connectors/login/admission.py,sso_connectors/models/pending_login.py,sso_connectors/login/sessions.py,sso_connectors/protocols/*

.PHONY: test
test: $(DEVELOPMENT)  ## Run all tests on SQLite (pytest's arguments in ARGS)
	@$(BIN)/python -m tests.prepare
	$(BIN)/python -m pytest $(or $(strip $(ARGS)),$(PARALLEL))

# The role of DATABASE_URL must be allowed to create a database: the tests make their own, test_NAME.
.PHONY: test-postgres
test-postgres: $(DEVELOPMENT)  ## Run all tests on PostgreSQL and Redis, with coverage (DATABASE_URL, CACHE_URL, ARGS)
test-postgres: export DATABASE_URL ?= postgres://postgres@127.0.0.1:5432/test
test-postgres: export CACHE_URL ?= redis://127.0.0.1:6379/1
test-postgres:
	@$(BIN)/python -m tests.prepare
	$(BIN)/python -m pytest $(or $(strip $(ARGS)),$(PARALLEL) $(COVERAGE))
ifeq ($(strip $(ARGS)),)
	@echo "What decides who gets in must be covered branch by branch:"
	$(BIN)/coverage report --fail-under=100 --include='$(DECIDES)'
endif

.PHONY: pictures guide-pictures
pictures: $(DEVELOPMENT)  ## Leave a picture of every screen that the browser tests visit in var/pictures
	PICTURES=1 $(BIN)/python -m pytest --quiet $(PARALLEL) tests/flows
guide-pictures: $(DEVELOPMENT)  ## Take the pictures of the administrators' guide anew (into docs/images/guide)
	GUIDE_PICTURES=1 $(BIN)/python -m pytest --quiet --no-cov tests/flows/test_guide_pictures.py

.PHONY: hostile fuzz
hostile: $(DEVELOPMENT)  ## Post every known attack to the login flow and print a scoreboard
	@$(BIN)/python -m tests.hostile.scoreboard
fuzz: $(DEVELOPMENT)  ## Mutate valid SAML responses, 100,000 unless told otherwise (ARGS="--mutants N --seed N")
	@$(BIN)/python -m tests.hostile.fuzz $(ARGS)

.PHONY: races
races: $(DEVELOPMENT)  ## Replay signed responses in parallel at four processes, on both databases (ARGS)
	$(BIN)/python -m tests.races.replay --database sqlite $(ARGS)
	$(BIN)/python -m tests.races.replay --database postgres $(ARGS)

.PHONY: bench
bench: $(VENV)/made  ## Compare our speed with that of our peers (ARGS='--rounds 15')
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: pages
pages: $(DEVELOPMENT)  ## Measure the Maker's pages at 10,000 connectors, on both databases (ARGS='--rounds 5')
	@$(BIN)/python -m benchmarks.pages $(ARGS)

.PHONY: commands
commands: $(DEVELOPMENT)  ## Measure sso_apply and sso_cleanup at 10,000 connectors (ARGS='--database sqlite')
	@$(BIN)/python -m benchmarks.commands $(ARGS)

# PostgreSQL and Redis as for test-postgres; DATABASE_URL's role makes a database for each storm.
.PHONY: storm
storm: $(PRACTICE)  ## Sign 5,000 agents in at once beside a peer (ARGS='--agents N --concurrency N')
	@$(BIN)/python -m benchmarks.storm $(ARGS)

# As for the storm. A full folder for metrics is mounted out of sight, which takes root.
.PHONY: isolation
isolation: $(DEVELOPMENT)  ## Measure what one fault costs all others (ARGS='--before REVISION --only NAME')
	@$(BIN)/python -m benchmarks.isolation $(ARGS)

# What an operator sets in production, so that the checks judge that and not the defaults.
PRODUCTION := PUBLIC_BASE_URL=https://sso.example.org \
	DATABASE_URL=postgres://maker@db.example.org/maker \
	CACHE_URL=redis://cache.example.org:6379/0 \
	FIELD_ENCRYPTION_KEYS=b25seS1mb3ItbWFrZS1jaGVjay1ub3QtYS1zZWNyZXQ= \
	DEBUG=false

.PHONY: check
check: export SECRET_KEY := only-for-this-check-k3Jx9QvT2mZr7Lw5Yb8Nc4Hd6Gf1Ps0A
check: $(DEVELOPMENT)  ## Check style, types, imports, templates, migrations and deployment settings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --check templates
	$(BIN)/djlint --lint templates
	DATABASE_URL=sqlite://:memory: $(BIN)/python manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING

.PHONY: format
format: $(DEVELOPMENT)  ## Bring Python and templates into their form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djlint --reformat --quiet templates

# Strings are found anew; what has no French yet stands in the catalogue without any, and fails a test.
.PHONY: messages
messages: export SECRET_KEY := only-to-find-strings
messages: $(DEVELOPMENT)  ## Find the strings of pages and messages, and compile their French
	DATABASE_URL=sqlite://:memory: $(BIN)/python manage.py makemessages --locale fr --no-location --no-wrap --ignore '*/migrations/*' \
	  --ignore 'tests/*' --ignore 'benchmarks/*' --ignore 'var/*' --ignore '.venv*'
	msgattrib --no-obsolete --no-location --no-wrap --sort-output --output-file=locale/fr/LC_MESSAGES/django.po locale/fr/LC_MESSAGES/django.po
	msgfmt --check --output-file=locale/fr/LC_MESSAGES/django.mo locale/fr/LC_MESSAGES/django.po

.PHONY: clean
clean:  ## Remove the virtual environment and all caches (.env and var/ stay)
	@if [ -e $(VENV)/made ]; then rm -rf $(VENV); fi
	rm -rf tests/rigs/oidc_provider/node_modules .venv-bench .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage htmlcov
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.11 ..." >&2; exit 1; }
	@if ! $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing python3-venv"; \
	    apt-get update && apt-get install -y --no-install-recommends python3-venv; \
	  else \
	    echo "Python can't make virtual environments here: apt-get install python3-venv" >&2; exit 1; \
	  fi; \
	fi
	@echo "Making the virtual environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(PRACTICE): $(VENV)/made requirements-practice.txt requirements.txt constraints.txt
	$(INSTALL) requirements-practice.txt
	@touch $@

$(DEVELOPMENT): $(PRACTICE) requirements-dev.txt
	$(INSTALL) requirements-dev.txt
	@touch $@
