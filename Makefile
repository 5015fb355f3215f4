# The words of this project. Each of them sets up what it needs; a second run is quick.
#   make demo     run the whole thing on two simulated systems
#   make test     the test suite, PostgreSQL and 200 histories of the simulation included
#   make cases    the test suite with every case of every test, on both stores: of many like cases make test plays a share
#   make browser  the desk in a real chromium, which it installs from Debian where it is missing and it may
#   make pictures take a picture of each page of the desk, into PICTURES; OF=docs/answering.md: those that it shows alone
#   make check    style, types, the walls of the house, the Dockerfile, the mapping
#   make format   write the code in the agreed style
#   make bench    measure and write docs/performance.md; SMALL=1: a tenth of each size in some minutes, nothing written
#   make crash    kill a cycle at every write and commit, on both stores, and judge what is left (EVERY=1: at reads too)
#   make mutants  change the core in small ways and see the tests notice each of them
#   make breaks   break one rule of the product at a time, and see the simulation notice
#   make soak     play HISTORIES histories of the simulation from each SEED, 2,000 from two seeds unless told otherwise
#   make neighbours   half an hour of two processes on one store that somebody keeps locking, MEETINGS times on each
#   make day      a simulated day of ROUTES routes (300) on one credential with CALLS calls an hour (3600); HOURS ends it,
#                 HINTS=1: Procore tells of changes
#   make machines three real daemons on one PostgreSQL and ROUTES routes: one is killed, one cut off, one stands still
#   make exhaust  play every small history: LENGTH events (3) from one pair, under each deletion policy; MINUTES ends it
#   make odd      give every field of every record ODD_CASES odd values a kind (400 unless told), each in a small world
#   make record   record the cassettes of the contract tests anew
#   make lock     choose the newest versions of everything we depend on
#   make clean    remove all that can be made again

PYTHON ?= python3
HISTORIES ?= 2000
SEED ?= 0 1
LENGTH ?= 3
MINUTES ?=
ODD_CASES ?= 400
MEETINGS ?= 5
ROUTES ?= 300
HOURS ?= 24
CALLS ?= 3600
HINTS ?=
PICTURES ?= build/pictures
OF ?=
SIMULATION ?= ci
EVERY ?= 0
SMALL ?=
# Compiled modules stay in .venv too, so that nothing else is left behind.
export PYTHONPYCACHEPREFIX := $(CURDIR)/.venv/pycache
# Images for containers often forbid compiled modules; then each of the many processes of the tests compiles all anew.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
RUNTIME := .venv/.runtime
READY := .venv/.ready
AXE := .venv/browser/node_modules/axe-core/axe.min.js
COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras \
	--allow-unsafe --no-emit-index-url --no-emit-trusted-host --no-emit-find-links
# A command, and Debian's package that has it.
installed = command -v $(1) > /dev/null || { \
	[ "$$(id -u)" = 0 ] || { echo "$(1) is missing: install Debian's $(2), or run this as root." >&2; exit 1; }; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(2); }

.DEFAULT_GOAL := demo
.PHONY: demo test cases browser pictures check format bench crash breaks soak neighbours day machines exhaust odd mutants record lock clean chromium

demo: $(RUNTIME)
	$(BIN)/procore-4hse demo

test: $(READY)
	SIMULATION=$(SIMULATION) $(BIN)/pytest -n 3 --dist worksteal -m "not browser"

cases: $(READY)
	CASES=every SIMULATION=$(SIMULATION) $(BIN)/pytest -n 3 --dist worksteal -m "not browser"

browser: $(READY) $(AXE) chromium
	BROWSER=required $(BIN)/pytest -n 2 --dist worksteal tests/browser

pictures: $(READY) chromium
	PYTHONPATH=tests $(BIN)/python tests/browser/pictures.py $(PICTURES) $(OF)

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/hadolint Dockerfile
	$(BIN)/procore-4hse mapping check

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(READY)
	nice $(BIN)/python benchmarks/run.py $(if $(SMALL),--small,--write)

crash: $(READY)
	PYTHONPATH=tests $(BIN)/python tests/simulation/crash_run.py --every $(EVERY)

mutants: $(READY)
	$(BIN)/mutmut run --max-children 2
	$(BIN)/mutmut results

breaks: $(READY)
	$(BIN)/python tests/simulation/broken_rules.py

soak: $(READY)
	for seed in $(SEED); do \
		SIMULATION=soak SIMULATION_HISTORIES=$(HISTORIES) SIMULATION_SEED=$$seed \
			$(BIN)/pytest -n auto tests/simulation/test_machine.py || exit 1; \
	done

neighbours: $(READY)
	NEIGHBOURS_MINUTES=30 NEIGHBOURS_SEEDS=$(MEETINGS) $(BIN)/pytest -n auto -rP tests/simulation/test_neighbours.py

day: $(READY)
	PYTHONPATH=tests $(BIN)/python tests/simulation/day.py --routes $(ROUTES) --hours $(HOURS) --calls $(CALLS) $(if $(HINTS),--hints)

machines: $(READY)
	PYTHONPATH=tests $(BIN)/python tests/simulation/machines.py --routes $(ROUTES)

exhaust: $(READY)
	PYTHONPATH=tests $(BIN)/python tests/simulation/exhaust_run.py --length $(LENGTH) $(if $(MINUTES),--minutes $(MINUTES))

odd: $(READY)
	ODD_CASES=$(ODD_CASES) $(BIN)/pytest -n auto tests/integration/test_odd_values.py

record: $(READY)
	$(BIN)/python tests/contract/record.py

lock: $(READY)
	$(COMPILE) --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra dev --output-file requirements-dev.lock pyproject.toml
	@$(call installed,npm,npm)
	cd tests/browser && npm install --package-lock-only --omit-lockfile-registry-resolved --save-exact --save-dev axe-core@latest

clean:
	rm -rf .venv build dist mutants src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# What the program needs, and the one build tool that puts it into .venv, as the development lock has it.
$(RUNTIME): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	sed -n '/^setuptools==/,/[^\\]$$/p' requirements-dev.lock > .venv/build.lock
	$(BIN)/pip install --quiet --no-compile --require-hashes -r requirements.lock -r .venv/build.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# What its developers need besides.
$(READY): requirements-dev.lock $(RUNTIME)
	$(BIN)/pip install --quiet --no-compile --require-hashes -r requirements-dev.lock
	@touch $@

chromium:
	@$(call installed,chromium,chromium)
	@$(call installed,chromedriver,chromium-driver)

# What looks for barriers in the pages; only the tests of the desk in a browser need it.
$(AXE): tests/browser/package.json tests/browser/package-lock.json
	@$(call installed,npm,npm)
	mkdir -p .venv/browser
	cp $^ .venv/browser
	npm ci --prefer-offline --prefix .venv/browser --ignore-scripts --no-audit --no-fund --silent
	@touch $@
