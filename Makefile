# Everything a person or CI does with this project. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
# Of the tests: more than the smallest machine has cores, because some wait for a process or a socket.
TESTERS ?= 3
SEED ?= 1
TRANSACTIONS ?= 1000
RUNS ?=
SEEDS ?= 0:2000
CUTS ?= 0:1000
TARGETS ?=
SINCE ?=
DEFECTS ?=
MODULES ?=
BIN := $(VENV)/bin
PY := $(BIN)/python
ROOMS := terminal drivers emv keys sim bench
PYTEST := $(PY) -m pytest

.PHONY: help venv run \
	test test-quick check format fuzz dukpt-walk conformance coverage mutation kills goldens goldens-check diagrams diagrams-check \
	bench bench-peers certify journal-errors planted swarm swarm-long demo day gallery legibility doctor \
	certs card-keys \
	system-deps install-pi clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The environment. Stamped, so that the second call costs nothing; the card extra is added when it can be built.

venv: $(VENV)/.ready ## Set up .venv (Python 3.11 or newer; no root, no compiler) and nothing else
	@bash terminal/install/card-extra.sh $(VENV)

$(VENV)/.ready: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed (found: $$($(PYTHON) -V 2>&1 || true)). On Debian 12: sudo apt install git make python3-venv"; \
		echo "  or name another one: make PYTHON=python3.13 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "This Python cannot make a virtual environment. On Debian: sudo apt install git make python3-venv"; exit 1; }
	@echo "Setting up $(VENV) (a minute or two, once) ..."
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@PYTHONWARNINGS=ignore $(PY) -m pip install --quiet --disable-pip-version-check -e '.[sim,test]'
	@# The simulator puts its own lgpio under it; the real one would need a compiler on Python 3.13.
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps 'rpi-lgpio>=0.6,<1'
	@touch $@
	@echo "$(VENV) is ready."

run: venv ## Open the terminal in your browser, with the whole world around it
	@$(PY) -m sim panel

# Tests

test: venv ## Run the whole suite (tests that need system parts say what is missing)
	$(PYTEST) -n $(TESTERS) -m "not system" --budgets tests $(ROOMS)
	@# A file is not divided: its tests share a browser or a server. 5: none collected.
	$(PYTEST) -n $(TESTERS) --dist loadfile -m system --budgets -rs tests || test $$? -eq 5

test-quick: venv ## Run the tests that take under a minute in all
	@# The rules of the house are make check's.
	$(PYTEST) -n $(JOBS) -m "not slow and not system" --ignore-glob='tests/test_house_*.py' tests $(ROOMS)

fuzz: build/fuzz/.ready ## Fuzz every reader of hostile bytes (10 million inputs each; RUNS=N TARGETS=NAMES)
	build/fuzz/bin/python tests/fuzz/run.py --jobs $(JOBS) $(if $(RUNS),--runs $(RUNS)) $(TARGETS)

build/fuzz/.ready: tests/fuzz/requirements.txt setup.cfg
	@echo "Setting up build/fuzz (a minute, once) ..."
	@$(PYTHON) -m venv build/fuzz
	@build/fuzz/bin/python -m pip install --quiet --disable-pip-version-check -r $< -e '.[wallets]'
	@touch $@

check: venv diagrams-check ## Lint, check the types strictly, and check the rules of the house
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) -n 0 tests/test_house_*.py

format: venv ## Let ruff order imports and mend what it can
	$(BIN)/ruff check --fix .

goldens: venv ## Write golden screens and slips anew; then look at what changed (git diff)
	$(PYTEST) -n $(JOBS) -m "not system" -k "golden or screen or slip or receipt" --record-goldens tests
	@git status --short tests/goldens || true

goldens-check: venv ## Compare golden screens and slips; what differs is put in build/goldens-seen
	$(PYTEST) -n $(JOBS) -m "not system" -k "golden or screen or slip or receipt" tests

diagrams: venv ## Draw the state tables into docs/diagrams
	$(PY) -m terminal.tools.diagrams docs/diagrams

diagrams-check: venv ## See that docs/diagrams fits the state tables
	$(PY) -m terminal.tools.diagrams --check docs/diagrams

card-keys: venv ## Make the test world's RSA keys anew (rarely: they are data)
	$(PY) -m sim.card.make_keys

# The kernel's conformance (docs/conformance.md)

dukpt-walk: venv ## All 1,048,575 counters of TDES DUKPT beside an independent derivation (a minute)
	$(PY) tests/dukpt_walk.py

conformance: venv ## Each requirement of the kernel, its cases, their results (JSON=1 for programs)
	@PYTHONPATH=tests/emv $(PY) -m conformance report $(if $(JSON),--json)

mutation: venv ## Which mutants of the kernel the cases kill, which idle (MODULES=emv.cvm FRESH=1)
	@PYTHONPATH=tests/emv $(PY) -m conformance mutation $(MODULES) $(if $(FRESH),--fresh) --jobs $(JOBS)

kills: venv ## The same, and write tests/emv/kills.toml
	@PYTHONPATH=tests/emv $(PY) -m conformance mutation --write --jobs $(JOBS)

coverage: venv ## Which lines and branches of the kernel its tests and cases run
	@mkdir -p build
	@$(PY) -m coverage run -m pytest -n 0 -q -m "not system" tests/test_emv_*.py tests/emv emv
	@$(PY) -m coverage report

# The world, and how fast it is

demo: venv ## A whole day without a browser: screens and slips go to build/demo
	$(PY) -m sim demo

gallery: venv ## Every screen and slip on one page (SINCE=REVISION: before and after)
	@$(PY) -m sim gallery $(if $(SINCE),--since $(SINCE)) --out build/gallery

legibility: venv ## How often a phone reads the codes that are drawn and printed (PICTURES=100)
	$(PY) -m sim legibility $(if $(PICTURES),--pictures $(PICTURES)) --jobs $(JOBS) --out build/legibility

day: venv ## A trading day in virtual time (SEED=1 TRANSACTIONS=1000)
	$(PY) -m sim day --seed $(SEED) --transactions $(TRANSACTIONS) --json

swarm: venv ## 10^5 faulted transactions and 10^4 power cuts (SEEDS=0:2000 CUTS=0:1000)
	$(PY) -m sim swarm --seeds $(SEEDS) --transactions 50 --workers $(JOBS) --out build/swarm/faults.json
	$(PY) -m sim swarm --power --seeds $(CUTS) --transactions 20 --workers $(JOBS) --out build/swarm/power.json

swarm-long: venv ## The same with 10^6 of each: some hours
	@$(MAKE) --no-print-directory swarm SEEDS=0:20000 CUTS=0:100000

journal-errors: venv ## Each system call on the journal of a real process fails or kills it (strace; 15 min)
	EVERY_CALL=1 $(PYTEST) -n 0 -q tests/test_system_journal_errors.py

planted: venv ## Mistakes put into the product one by one: which checker notices (DEFECTS=NAMES)
	@PYTHONPATH=tests $(PY) -m planted --jobs $(JOBS) $(DEFECTS)

certify: venv ## An acquirer's certification script against the terminal, and a signed report
	@$(PY) -m sim certify --spawn

bench: venv bench-peers ## Measure start, a sale, the bus, the acquirer; and the keys beside other libraries
	$(PY) -m bench

bench-peers: build/peers/.ready ## Set up the environment of the libraries that we measure ourselves beside

build/peers/.ready: bench/peers/requirements.txt bench/peers/package.json
	@echo "Setting up build/peers (a minute, once) ..."
	@$(PYTHON) -m venv build/peers
	@build/peers/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@mkdir -p build/peers/node && cp bench/peers/package.json build/peers/node
	@if command -v npm >/dev/null; then npm install --silent --no-audit --no-fund --prefix build/peers/node; \
		else echo "npm is missing: what is measured beside node's libraries is left out"; fi
	@touch $@

certs: venv ## Make test certificates for TLS between terminal and acquirer in build/certs
	@$(PY) -m sim certs build/certs

doctor: venv ## Say what is missing on this machine and how to mend it
	@$(PY) -m terminal doctor || test $$? -eq 1  # What is missing is its finding, and no fault of make's.

# The system

system-deps: ## (root) Install what the system tests need: pcscd, vpcd, Chromium, PostgreSQL, gcc
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
		pcscd libccid vsmartcard-vpcd libpcsclite-dev gcc python3-dev swig chromium strace openssl systemd postgresql iproute2

install-pi: ## (root) Install the terminal as a service on a Raspberry Pi
	bash terminal/install/install-pi.sh

clean: ## Remove what was built (the environment and data stay)
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
