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

PYTHON_CODE := tests/local tests/e2e tests/soak tests/bench shared/model-archive/fuzz

# For `soak`: sizes; `make soak OPTIONS=--help` lists them.
OPTIONS ?=

# For `fuzz`: seconds a target, and which targets; left out: all. No sanitizers: the crate forbids unsafe code, and they need nightly Rust.
FUZZ := shared/model-archive/fuzz
SECONDS_EACH ?= 60
TARGETS ?= $(basename $(notdir $(wildcard $(FUZZ)/fuzz_targets/*.rs)))
export PATH := $(CURDIR)/.local/cargo/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo test soak lint up down build deploy bench fuzz

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
	ruff check --quiet $(PYTHON_CODE) && ruff format --quiet --check $(PYTHON_CODE)
	cargo fetch --locked --quiet
	cargo deny --offline --log-level error check licenses bans sources
	cargo clippy --workspace --all-targets --quiet -- -D warnings

up: $(TOOLS) ## the stack on this machine, left running; .local/env says where
	@$(BIN)/python -m tests.local up

down: $(TOOLS) ## stops what `make up` started
	@$(BIN)/python -m tests.local down

bench: $(TOOLS) ## how fast an archive is inspected, against gzip and Python
	cargo bench --quiet --manifest-path shared/model-archive/bench/Cargo.toml --target-dir target/bench
	cargo build --quiet --release -p model-archive --examples
	@$(BIN)/python -m tests.bench --inflate "target/release/examples/inflate {}" "inspect=target/release/examples/inspect {}" \
		$(if $(wildcard target/release/automation),"automation inspect=target/release/automation inspect {}")

fuzz: ## every fuzz target for SECONDS_EACH=60 seconds
	@command -v cargo-fuzz >/dev/null || cargo install --quiet --locked --root .local/cargo cargo-fuzz@0.13.2
	cargo fuzz build --fuzz-dir $(FUZZ) --target-dir target/fuzz --sanitizer none
	@for target in $(TARGETS); do echo "fuzzing $$target"; mkdir -p $(FUZZ)/corpus/$$target; \
		cargo fuzz run --fuzz-dir $(FUZZ) --target-dir target/fuzz --sanitizer none $$target $(FUZZ)/corpus/$$target $(FUZZ)/seeds/$$target -- \
		-max_total_time=$(SECONDS_EACH) -timeout=5 -malloc_limit_mb=32 -rss_limit_mb=512 -verbosity=0 -print_final_stats=1 || exit 1; done

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
