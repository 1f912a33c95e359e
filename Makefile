# Undertone's commands. `make` alone lists them. Nothing here needs root.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory --no-builtin-rules
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# uv: yours ($UV, or the one on PATH), else one of our own in .tools.
UV := $(or $(UV),$(shell uv --version >/dev/null 2>&1 && command -v uv),$(CURDIR)/.tools/bin/uv)
OWN_UV := $(CURDIR)/.tools/bin/uv

# Python: $PYTHON, else the one of an existing .venv, else the first that fits on PATH. Never fetched.
export UV_PYTHON_DOWNLOADS := never
PYTHONS = $(or $(PYTHON),.venv/bin/python python3.12 python3.13 python3.11 python3 python)
BASE_PYTHON = $(shell for p in $(PYTHONS); do \
	  f=$$($$p -c 'import sys; (3, 11) <= sys.version_info[:2] <= (3, 13) and print(sys._base_executable)' 2>/dev/null) \
	  && [ -n "$$f" ] && echo "$$f" && break; done)

SYNC = $(UV) sync --locked --inexact --python "$$(cat .tools/python)"
DEMO = --no-dev --extra embedded --extra dashboard --extra api
RUN = $(UV) run --no-sync
PYTEST_ARGS ?=
PROCESSES ?= 2
ARGS ?=
MANIFESTS = deploy/train-cronjob.yaml $(filter-out %/kustomization.yaml %/rules.yaml,$(wildcard deploy/k8s/*.yaml))

.PHONY: help demo test test-slow lint format bench schemas screenshots sync clean

help:  ## List these commands
	@sed -nE 's/^([a-z-]+):.*  ## (.*)/  make \1|\2/p' Makefile | column -t -s '|'

demo: .tools/python | $(UV)  ## Start everything on this machine and show a surge become an alert
	@$(SYNC) $(DEMO) --check --quiet 2>/dev/null || { \
	  echo "Installing what the demo needs, once …"; $(SYNC) $(DEMO); }
	@exec $(RUN) undertone demo $(ARGS)

test: lint  ## Lint, then all tests but the slow ones
	@$(RUN) pytest -n $(PROCESSES) --dist loadfile $(PYTEST_ARGS)

test-slow: sync  ## The slow tests
	@$(RUN) pytest -m slow $(PYTEST_ARGS)

lint: sync  ## Formatting, lint, types, import rules, Dockerfile, Compose, Kubernetes
	@$(UV) lock --check --quiet
	@$(RUN) ruff check --quiet
	@$(RUN) ruff format --check --quiet
	@$(RUN) mypy --no-error-summary
	@out=$$($(RUN) lint-imports --no-logo) || { echo "$$out"; exit 1; }
	@$(RUN) hadolint deploy/Dockerfile
	@$(RUN) check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml
	@$(RUN) kubernetes-validate --strict --quiet $(MANIFESTS)

format: sync  ## Put the code in order
	@$(RUN) ruff check --quiet --fix
	@$(RUN) ruff format --quiet

bench: sync  ## Print the README's table (about ten minutes)
	@$(RUN) python -m benchmarks $(ARGS)

schemas: sync  ## Write the JSON Schemas and the OpenAPI document from their types
	@$(RUN) undertone schemas write
	@$(RUN) undertone api openapi > docs/openapi.json

screenshots: sync  ## Take the README's pictures of the running dashboard (needs chromium)
	@$(RUN) python -m tests.acceptance.screenshots $(ARGS)

# Compiled once here: the tests start hundreds of processes, and torch takes long to import from source.
sync: .tools/python | $(UV)
	@$(SYNC) --group dev --check --quiet 2>/dev/null || $(SYNC) --group dev --compile-bytecode

clean:  ## Remove what was built or installed here; data in .undertone stays
	rm -rf .venv .tools dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Written anew each time, since PATH may have changed; a file, so that only what needs it asks.
.PHONY: .tools/python
.tools/python:
	@mkdir -p .tools
	@if [ -n "$(BASE_PYTHON)" ]; then echo "$(BASE_PYTHON)" > $@; else \
	  echo "Undertone needs Python 3.11, 3.12 or 3.13, and none was found among: $(PYTHONS)." >&2; \
	  echo "Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; fi

$(OWN_UV): | .tools/python
	@echo "Installing uv into .tools …"
	@"$$(cat .tools/python)" -m venv .tools/venv || { \
	  echo "This Python cannot make virtual environments. Install its venv module (Debian: python3-venv)," >&2; \
	  echo "or install uv yourself: https://docs.astral.sh/uv" >&2; exit 1; }
	@.tools/venv/bin/pip install --quiet --disable-pip-version-check uv
	@mkdir -p .tools/bin && ln -sf ../venv/bin/uv $@
