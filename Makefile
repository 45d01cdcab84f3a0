# Everything below the first command is done by it: set-up, database, model, site. `make help` lists them.
PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test bench lint lock clean

help: ## list the commands
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

# exec: the process that make knows is the one that stops everything, whoever sends the signal.
run: ## install what is missing, then serve http://127.0.0.1:8000 until Ctrl-C
	@exec "$(PYTHON)" -m launcher.bootstrap -m launcher $(ARGS)

test: ## install what is missing, then run every test that needs no accelerator (ARGS="-k stop")
	@"$(PYTHON)" -m launcher.bootstrap --dev -m tests.browser.find_chromium
	@exec $(BIN)/python -m pytest $(ARGS)

bench: ## measure: tokens, turns, streams, beside the engine alone
	@"$(PYTHON)" -m launcher.bootstrap --dev
	@PYTHONPATH=site:. exec $(BIN)/python -m bench $(ARGS)

lint: ## ruff, mypy, import contracts, templates, shell scripts
	@"$(PYTHON)" -m launcher.bootstrap --dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy site launcher tgi tests bench
	PYTHONPATH=site:. $(BIN)/lint-imports
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/shellcheck .ci/run scripts/*.sh

lock: ## pin the requirements anew
	@exec scripts/lock.sh

clean: ## remove the virtual environment; data is never touched
	rm -rf .venv
