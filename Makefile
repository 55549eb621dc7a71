# What people and CI run. Everything Python is in .venv, everything a local stack writes is in .local.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := $(VENV)/.installed
export PATH := $(CURDIR)/$(BIN):$(PATH)

# For `build` and `deploy`: the processor of the functions on AWS; left out: the template's default.
ARCHITECTURE ?=
SAM_PARAMETERS := $(if $(ARCHITECTURE),--parameter-overrides Architecture=$(ARCHITECTURE))
SAM_QUIET := SAM_CLI_TELEMETRY=0 __SAM_CLI_APP_DIR=$(CURDIR)/.local/sam

# For `soak`: sizes; `make soak OPTIONS=--help` lists them.
OPTIONS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test soak lint up down build deploy

help:
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 10

demo: $(TOOLS) ## a model goes through, on this machine, printed as it happens
	@$(BIN)/python -m tests.local demo

test: lint ## everything that CI runs
	cargo test --workspace --quiet
	cargo build --workspace --bins --quiet
	$(BIN)/python -m pytest

soak: $(TOOLS) ## 300 uploads under faults; fewer with OPTIONS="--uploads 50"
	@$(BIN)/python -m tests.soak $(OPTIONS)

lint: $(TOOLS) ## format, template, licences, clippy
	cargo fmt --all --check
	$(SAM_QUIET) sam validate --lint --region us-east-1
	cfn-lint template.yaml
	ruff check --quiet tests/local tests/e2e tests/soak && ruff format --quiet --check tests/local tests/e2e tests/soak
	cargo fetch --locked --quiet
	cargo deny --offline --log-level error check licenses bans sources
	cargo clippy --workspace --all-targets --quiet -- -D warnings

up: $(TOOLS) ## the stack on this machine, left running; .local/env says where
	@$(BIN)/python -m tests.local up

down: $(TOOLS) ## stops what `make up` started
	@$(BIN)/python -m tests.local down

build: $(TOOLS) ## the functions for AWS
	$(if $(ARCHITECTURE),ARCHITECTURE=$(ARCHITECTURE)) sam build $(SAM_PARAMETERS)

deploy: build ## to AWS, with your own credentials
	sam deploy $(SAM_PARAMETERS)

$(TOOLS): requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not on the PATH: install Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11: name a newer one with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "error: $(PYTHON) lacks the venv module: install it (python3-venv on Debian)" >&2; exit 1; }
	@echo "Installing the Python tools into $(VENV): one or two minutes, once."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@
