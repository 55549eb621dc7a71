# Targets for developers and CI. Python tools are installed into .venv; a local stack writes all of
# its files to .local.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := $(VENV)/.installed
export PATH := $(CURDIR)/$(BIN):$(PATH)

# For `build` and `deploy`: instruction set architecture of the functions (arm64 or x86_64). Always
# passed on: SAM would otherwise keep the one of the previous deployment.
override ARCHITECTURE := $(or $(ARCHITECTURE),arm64)
# For `deploy`: an address to subscribe to notifications; whether to ask before the change set is
# executed (yes or no); a release folder to deploy, instead of building the functions.
EMAIL ?=
CONFIRM ?= yes
RELEASE ?=
SAM_PARAMETERS := --parameter-overrides Architecture=$(if $(RELEASE),$(shell cat "$(RELEASE)/architecture" 2>/dev/null),$(ARCHITECTURE))
SAM_CONFIRM := $(if $(filter no,$(CONFIRM)),--no-confirm-changeset,--confirm-changeset)
SAM_QUIET := SAM_CLI_TELEMETRY=0 __SAM_CLI_APP_DIR=$(CURDIR)/.local/sam

PYTHON_CODE := tests/models/test_readers.py functions tests/lint tests/local tests/e2e tests/emulator/tests tests/soak tests/bench shared/model-archive/fuzz

# For `soak`, `load` and `bench`: command-line options. To list them, use OPTIONS=--help.
OPTIONS ?=

# For `bench`: the functions to measure (default: all). The release build of one takes minutes.
FUNCTIONS ?= $(notdir $(patsubst %/src/main.rs,%,$(wildcard functions/*/src/main.rs)))

# For `fuzz`: seconds per target, and the targets to run (default: all). Sanitizers are off: the
# crate forbids unsafe code, and sanitizers need nightly Rust.
FUZZ := shared/model-archive/fuzz
SECONDS_EACH ?= 60
TARGETS ?= $(basename $(notdir $(wildcard $(FUZZ)/fuzz_targets/*.rs)))
export PATH := $(CURDIR)/.local/cargo/bin:$(PATH)

# For `mutants`: the crate to change, which part of its changes to try, and the packages whose tests
# must notice them.
MUTATED ?= maintenance
SHARD ?= 0/16
TESTS_OF_maintenance := maintenance,configuration
TESTS_OF_ledger := ledger,start-compilation,plan-compilation,relay-compilation,sweep-compilations

.DEFAULT_GOAL := help
.PHONY: help demo test model-check mutants soak load lint up down build release check-release deploy docs account bench fuzz

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 13

demo: $(TOOLS) ## run the whole stack locally and compile a model with it
	@$(BIN)/python -m tests.local demo

test: lint ## run all checks (same as CI)
	cargo test --locked --workspace --quiet
	cargo build --locked --workspace --bins --quiet
	$(BIN)/python -m pytest

model-check: ## explore more orders of calls than make test does; takes an hour
	MODEL_CHECK=targets cargo test --quiet -p histories --test interleavings -- --nocapture
	MODEL_CHECK=faults cargo test --quiet -p histories --test interleavings -- --nocapture

mutants: ## change the code of ledger and maintenance, and list the changes that no test notices
	@command -v cargo-mutants >/dev/null || cargo install --quiet --locked --root .local/cargo cargo-mutants@27.1.0
	cargo mutants --package $(MUTATED) --test-package $(or $(TESTS_OF_$(MUTATED)),$(MUTATED)) --shard $(SHARD) \
		--sharding round-robin --output .local/mutants/$(MUTATED)

soak: $(TOOLS) ## test 300 uploads with injected faults; for fewer, OPTIONS="--uploads 50"
	@$(BIN)/python -m tests.soak $(OPTIONS)

load: $(TOOLS) ## compare the stack with a boto3 solution under load; for less, OPTIONS="--uploads 30"
	@$(BIN)/python -m tests.bench.load $(OPTIONS)

lint: $(TOOLS) ## check formatting, names, wording, layers, template, licenses and clippy lints
	cargo fmt --all --check
	$(SAM_QUIET) sam validate --lint --region us-east-1
	cfn-lint template.yaml
	ruff check --quiet $(PYTHON_CODE) && ruff format --quiet --check $(PYTHON_CODE)
	@$(BIN)/python -m tests.lint.names
	@$(BIN)/python -m tests.lint.words
	@$(BIN)/python -m tests.lint.layers
	@$(BIN)/python -m tests.lint.codes
	cargo fetch --locked --quiet
	@$(BIN)/python -m tests.lint.features
	cargo deny --offline --log-level error check licenses bans sources
	cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
	cargo clippy --locked -p cli --no-default-features --quiet -- -D warnings

docs: ## build the documentation as a book, in .local/book
	@command -v mdbook >/dev/null || cargo install --quiet --locked --root .local/cargo mdbook@0.5.4
	mdbook build docs

up: $(TOOLS) ## start the stack locally and keep it running; see .local/env for its endpoints
	@$(BIN)/python -m tests.local up

down: $(TOOLS) ## stop the stack that `make up` started
	@$(BIN)/python -m tests.local down

bench: $(TOOLS) ## measure the functions beside boto3, and the inspector beside gzip and Python
	cargo bench --quiet --manifest-path shared/model-archive/bench/Cargo.toml --target-dir target/bench
	cargo build --quiet --release -p model-archive --examples
	@$(BIN)/python -m tests.bench --inflate "target/release/examples/inflate {}" "inspect=target/release/examples/inspect {}" \
		$(if $(wildcard target/release/automation),"automation inspect=target/release/automation inspect {}") $(OPTIONS)
	AWS_LC_SYS_NO_JITTER_ENTROPY=1 cargo build --quiet --release --locked -p sagemaker $(addprefix -p ,$(FUNCTIONS)) # its features are those of all
	cargo build --quiet --release --manifest-path tests/bench/bare/Cargo.toml --target-dir target/bench
	@$(BIN)/python -m tests.bench.functions --binaries target/release --bare target/bench/release/bare-function $(OPTIONS) $(FUNCTIONS)
	@$(BIN)/python -m tests.bench.functions --binaries target/release --bare target/bench/release/bare-function --tls $(OPTIONS) $(FUNCTIONS)
	$(if $(filter plan-compilation,$(FUNCTIONS)),@$(BIN)/python -m tests.bench.memory_sizes --binaries target/release)

fuzz: ## run every fuzz target for SECONDS_EACH=60 seconds
	@command -v cargo-fuzz >/dev/null || cargo install --quiet --locked --root .local/cargo cargo-fuzz@0.13.2
	cargo fuzz build --fuzz-dir $(FUZZ) --target-dir target/fuzz --sanitizer none
	@for target in $(TARGETS); do echo "Fuzzing $$target"; mkdir -p $(FUZZ)/corpus/$$target; \
		cargo fuzz run --fuzz-dir $(FUZZ) --target-dir target/fuzz --sanitizer none $$target $(FUZZ)/corpus/$$target $(FUZZ)/seeds/$$target -- \
		-max_total_time=$(SECONDS_EACH) -timeout=5 -malloc_limit_mb=32 -rss_limit_mb=512 -verbosity=0 -print_final_stats=1 || exit 1; done

build: $(TOOLS) ## build the functions for AWS
	ARCHITECTURE=$(ARCHITECTURE) sam build $(SAM_PARAMETERS)

release: build ## pack the built functions into .local/release, to deploy them without Rust
	@$(BIN)/python functions/package_release.py .aws-sam/build $(ARCHITECTURE) .local/release/$(ARCHITECTURE)

check-release:
	@test -f "$(RELEASE)/SHA256SUMS" || { echo "error: $(RELEASE) has no SHA256SUMS. Fix: name the folder of an unpacked release, or one that make release wrote" >&2; exit 1; }
	@cd "$(RELEASE)" && sha256sum --quiet --check SHA256SUMS || { echo "error: files of $(RELEASE) are not those of the release. Fix: download it again" >&2; exit 1; }

deploy: account $(if $(RELEASE),check-release,build) ## show the changes and deploy the stack to AWS; EMAIL=you@example.com subscribes you
	sam deploy $(SAM_CONFIRM) $(if $(RELEASE),--template-file "$(RELEASE)/template.yaml" --config-file "$(CURDIR)/samconfig.toml") $(SAM_PARAMETERS) $(if $(EMAIL),NotificationEmail=$(EMAIL))
	@echo "S3 needs about five minutes after the first deployment until it sends events; earlier uploads are found within minutes too."

account: $(TOOLS)
	@$(BIN)/python -m tests.local.account

$(TOOLS): requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not on the PATH. Fix: install Python 3.11 or later" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11. Fix: use a later version with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "error: $(PYTHON) has no venv module. Fix: install it (python3-venv on Debian)" >&2; exit 1; }
	@echo "Installing the Python tools into $(VENV). This happens once and takes one or two minutes."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@
