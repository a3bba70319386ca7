# Interval. `make help` lists what can be done.

PYTHON ?= python3.11
VENV := .venv
RUN := $(VENV)/bin/python
STAMPS := .interval/stamps
STATE ?= .interval/system
INPUT ?=
export INTERVAL_DATA ?= $(wildcard $(abspath ../shared/data))

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- what people run ---------------------------------------------------------------------------------------------

.PHONY: demo
demo: setup ## Play a scanner, wait for the result, sign it, find it in the PACS (INPUT=folder for your own images)
	@$(RUN) -m demo run --home $(STATE) $(if $(INPUT),--input "$(INPUT)")

.PHONY: up
up: setup ## Start the system and leave it running
	@$(RUN) -m demo up --home $(STATE)

.PHONY: down
down: ## Stop the system
	@if [ -x $(RUN) ]; then $(RUN) -m demo down --home $(STATE); else echo "nothing is installed, so nothing runs"; fi

.PHONY: test
test: setup-test lint ## Set up and run every test: unit, integration and browser
	@cd viewer && npm run --silent check && npm test --silent
	@mkdir -p .interval
	@nice $(RUN) -m pytest tests/unit -p no:cacheprovider > .interval/unit-tests.txt 2>&1 & unit=$$!; \
	trap 'kill $$unit' INT TERM; \
	echo "unit tests run beside the others; what they say comes after them"; \
	$(RUN) -m pytest --ignore tests/unit; others=$$?; \
	wait $$unit; unit=$$?; cat .interval/unit-tests.txt; exit $$((others ? others : unit))
	@$(MAKE) --no-print-directory validate-quick

.PHONY: check
check: setup lint ## Lint, types, import contracts and the fast tests
	@$(RUN) -m pytest -q -m "not integration and not browser and not real_data" tests/unit

.PHONY: lint
lint: setup
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-cache

.PHONY: accuracy
accuracy: setup ## Print what the pipeline finds on phantoms and, with INTERVAL_DATA, on real scans (QUICK=1: minutes)
	@$(RUN) -m validation accuracy $(if $(QUICK),--quick)

.PHONY: validate-quick
validate-quick: setup ## Compare the quick reference cases with the released version's, and ask the gate (a minute or two)
	@$(RUN) -m validation gate --quick

.PHONY: validate
validate: setup ## The same for every reference case at hand; writes .interval/validation/.../report.html
	@$(RUN) -m validation gate

.PHONY: bench
bench: setup $(STAMPS)/bench ## Print what each stage costs, beside other registration programs, and pseudonymisation's speed
	@$(RUN) -m validation bench
	@echo && $(RUN) -m gateway.pseudonymise.bench

CASES ?= 50

.PHONY: bench-viewer
bench-viewer: setup-test ## Print how fast the case page is on 1 mm images, and what 50 cases in a row cost (CASES=50)
	@$(RUN) -m tests.e2e.bench_viewer --cases $(CASES)

STUDIES ?= 90
SIZE ?= routine
WORKERS ?= 1,2

.PHONY: load
load: setup ## Play a department's day and print what it cost (STUDIES=90 SIZE=small|routine|fine WORKERS=1,2)
	@$(RUN) -m demo.load --studies $(STUDIES) --size $(SIZE) --workers $(WORKERS)

# --- what people who install it run ---------------------------------------------------------------------------------

.PHONY: compose-test
compose-test: setup ## Build the images, start compose.yaml, send a study over TLS, sign it, find it in the PACS, stop
	@$(RUN) -m tests.e2e.compose

.PHONY: compose-engine
compose-engine: setup ## Say whether compose-test can run here, and with what
	@$(RUN) -m tests.e2e.compose --which

.PHONY: audit
audit: setup ## Ask whether vulnerabilities are known of what is installed (skips where nobody can be asked)
	@$(RUN) -m deploy.audit

.PHONY: licences
licences: setup ## List every package's licence in docs/licences.md; fails where one is unknown
	@$(RUN) -m deploy.licences --write

SBOM := .interval/sbom

.PHONY: sbom
sbom: setup ## Write the software bill of materials as CycloneDX: .interval/sbom/*.cdx.json
	@mkdir -p $(SBOM)
	@$(RUN) -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible --output-format JSON \
	  --output-file $(SBOM)/python.cdx.json requirements-run.lock
	@cd viewer && npm sbom --sbom-format cyclonedx --sbom-type application --package-lock-only \
	  > ../$(SBOM)/viewer.cdx.json
	@ls $(SBOM)/*.cdx.json

SEEDS ?= 1..10

.PHONY: chaos
chaos: setup-test ## Kill everything again and again while studies stream in, then look for what was lost (SEEDS=1..10)
	@$(RUN) -m tests.e2e.chaos --seeds $(SEEDS) --keep .interval/chaos

COUNT ?= 1000
EXAMPLES ?= 20

.PHONY: fuzz
fuzz: setup-test ## Send mutated files to every entry and odd requests to every route (COUNT=1000 EXAMPLES=20)
	@FUZZ_COUNT=$(COUNT) FUZZ_EXAMPLES=$(EXAMPLES) $(RUN) -m pytest -q --timeout 7200 tests/integration/fuzz

.PHONY: clean
clean: down ## Remove the virtual environment, builds and the demo's state
	rm -rf $(VENV) .interval demo-output viewer/node_modules viewer/dist

# --- what people who change the code run ---------------------------------------------------------------------------

.PHONY: format
format: setup ## Format the Python code
	@$(VENV)/bin/ruff check --fix . && $(VENV)/bin/ruff format .

.PHONY: openapi
openapi: setup ## Write the API's description and regenerate the viewer's client from it
	@$(RUN) -m gateway.main --openapi > viewer/openapi.json
	@cd viewer && npm run --silent client

.PHONY: lock
lock: ## Pin every Python dependency with its hash
	@$(VENV)/bin/pip-compile --quiet --upgrade --extra dev --generate-hashes --strip-extras --no-header \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements.lock pyproject.toml
	@$(VENV)/bin/pip-compile --quiet --constraint requirements.lock --generate-hashes --strip-extras --no-header \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements-run.lock pyproject.toml

# --- set-up: each step runs again only when its list changed ---------------------------------------------------------

.PHONY: setup setup-test
setup: $(STAMPS)/debian $(STAMPS)/python $(STAMPS)/viewer
setup-test: setup $(STAMPS)/debian-test

$(STAMPS)/debian: debian-packages.txt
$(STAMPS)/debian-test: debian-packages-test.txt
$(STAMPS)/debian $(STAMPS)/debian-test:
	@mkdir -p $(STAMPS)
	@missing=$$(for p in $$(cat $<); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	  echo "Installing Debian packages:" $$missing; \
	  sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$sudo apt-get -qq update && \
	  $$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$missing >/dev/null; \
	fi
	@touch $@

$(STAMPS)/python: requirements.lock
	@mkdir -p $(STAMPS)
	@echo "Installing Python packages from requirements.lock"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

# The programs that benchmarks compare with fill 2.5 GB: they have an environment of their own.
$(STAMPS)/bench: requirements-bench.lock
	@mkdir -p $(STAMPS)
	@echo "Installing what the benchmark compares with"
	@$(PYTHON) -m venv .interval/bench-venv
	@.interval/bench-venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $@

$(STAMPS)/viewer-packages: viewer/package-lock.json
	@mkdir -p $(STAMPS)
	@echo "Installing the viewer's packages"
	@cd viewer && npm ci --silent --no-audit --no-fund
	@touch $@

$(STAMPS)/viewer: $(STAMPS)/viewer-packages $(shell find viewer/src viewer/public -type f 2>/dev/null) \
                  viewer/index.html viewer/vite.config.ts
	@echo "Building the viewer"
	@cd viewer && npm run --silent build
	@touch $@
