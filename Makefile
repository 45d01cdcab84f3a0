# Everything below the first command is done by it: set-up, database, model, site. `make help` lists them.
PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test test-contract bench screenshots lint messages schema explore lock secrets backup restore manage clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

# exec: the process that make knows is the one that stops everything, whoever sends the signal.
run: ## install what is missing, then serve http://127.0.0.1:8000 until Ctrl-C
	@exec "$(PYTHON)" -m launcher.bootstrap -m launcher $(ARGS)

test: ## install what is missing, then run every test that needs no accelerator (ARGS="-k stop")
	@"$(PYTHON)" -m launcher.bootstrap --dev -m tests.browser.find_chromium
	@$(BIN)/python -m tests.support.specifications
	@exec $(BIN)/python -m pytest $(ARGS)

test-contract: ## the protocol's tests against any server: TGI_URL=http://… make test-contract
	@"$(PYTHON)" -m launcher.bootstrap --dev
	@exec $(BIN)/python -m pytest tests/tgi/contract $(ARGS)

bench: ## measure: tokens, turns, streams, beside the engine alone
	@"$(PYTHON)" -m launcher.bootstrap --dev
	@PYTHONPATH=site:. exec $(BIN)/python -m bench $(ARGS)

screenshots: ## take the README's pictures of the main states
	@"$(PYTHON)" -m launcher.bootstrap --dev -m tests.browser.find_chromium
	@exec $(BIN)/python -m scripts.screenshots

lint: ## ruff, mypy, import contracts, templates, shell scripts, Dockerfiles
	@"$(PYTHON)" -m launcher.bootstrap --dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy site launcher tgi tests bench
	PYTHONPATH=site:. $(BIN)/lint-imports
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/shellcheck .ci/run scripts/*.sh deploy/*.sh
	$(BIN)/hadolint Dockerfile tgi/Dockerfile deploy/proxy.Dockerfile

messages: ## gather the texts to be translated into locale/*.po
	@"$(PYTHON)" -m launcher.bootstrap --dev
	@PYTHONPATH=site exec $(BIN)/python -m config.catalogs

schema: ## write docs/openapi.yaml, the description of the API, anew
	@"$(PYTHON)" -m launcher.bootstrap --dev
	@DJANGO_SETTINGS_MODULE=tests.settings PYTHONPATH=site:. exec $(BIN)/python -m django spectacular \
		--validate --fail-on-warn --file docs/openapi.yaml

explore: ## let Schemathesis look for what is off the API's description, for ten minutes (SECONDS=3600)
	@"$(PYTHON)" -m launcher.bootstrap --dev
	@EXPLORE_SECONDS="$(or $(SECONDS),600)" exec $(BIN)/python -m pytest tests/api/schema/test_schemathesis.py

lock: ## pin the requirements anew
	@exec scripts/lock.sh

# BACKUP: how the program is run. For the containers' database nothing needs to be installed.
BACKUP = exec "$(PYTHON)" $(if $(COMPOSE),-m launcher.backup --compose,-m launcher.bootstrap -m launcher.backup)

secrets: ## make the secrets of docker-compose.gpu.yml; what is there stays
	@exec scripts/secrets.sh

backup: ## save the database into FILE, or a new one in .data/backups (COMPOSE=1: the containers')
	@$(BACKUP) save $(if $(FILE),"$(FILE)")

restore: ## put FILE into the database (OVERWRITE=yes: in place of what is there; COMPOSE=1)
	@[ -n "$(FILE)" ] || { echo "Name the file: make restore FILE=..." >&2; exit 2; }
	@$(BACKUP) restore "$(FILE)" $(if $(filter yes,$(OVERWRITE)),--overwrite)

manage: ## run one of Django's commands, such as ARGS="createsuperuser" or ARGS="unlock ada"
	@exec "$(PYTHON)" -m launcher.bootstrap -m launcher.manage $(ARGS)

clean: ## remove the virtual environment; data is never touched
	rm -rf .venv
