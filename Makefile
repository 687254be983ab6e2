# Every verb prints itself with `make`. Needs Python 3.11 or newer, git and make; nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Compiled modules are kept, whatever the environment says: without them every start takes a sixth longer.
export PYTHONDONTWRITEBYTECODE :=
ARGS ?=

# Twice quiet: only errors. The hashes in the requirements files are checked whatever the index is.
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip --quiet --quiet
EDITABLE := $(PIP) install --no-build-isolation --no-deps --editable .

# Two more than there are cores: the tests wait much, for disks and for servers that start.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 2 )))

# Azurite, for the tests of Azure, and axe-core, for those of the dashboard. Without npm they are skipped, by name.
EMULATORS := tests/emulators/node_modules

.PHONY: help setup demo run test check sbom fix docs dist bench bench-peers crash torture screenshots
.DEFAULT_GOAL := help

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.setup-dev ## make the virtual environment with everything for development

demo: $(VENV)/.setup-run ## run the main job end to end and keep the server up (ARGS=--exit stops after the table)
	@$(BIN)/python -m waypost.demo $(ARGS)

run: $(VENV)/.setup-run ## run a server on ./waypost-data, made if need be (ARGS go to `waypost serve`)
	@[ -e "$${WAYPOST_DATA:-waypost-data}/waypost.sqlite3" ] || $(BIN)/waypost init
	@exec $(BIN)/waypost serve $(ARGS)

test: $(VENV)/.setup-dev $(EMULATORS)/.installed ## run every test (ARGS go to pytest)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: $(VENV)/.setup-dev ## check format, lint, types, and the dependencies for known vulnerabilities
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python requirements/audit.py

sbom: $(VENV)/.setup-dev ## write dist/sbom.cdx.json: what Waypost is made of, as CycloneDX
	@$(BIN)/python requirements/sbom.py dist/sbom.cdx.json

fix: $(VENV)/.setup-dev ## format, and mend what the linter can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(VENV)/.setup-dev ## make the reference pages anew, publish the OpenAPI document, build the site into ./site
	@$(BIN)/python -m manual

dist: $(VENV)/.setup-run ## the wheel and the source archive, in dist/; the same bytes every time
	@rm -f dist/*.whl dist/*.tar.gz
	@$(BIN)/python -m hatchling build

bench: $(VENV)/.setup-dev ## measure this machine (ARGS=--full for scale, ARGS="--only NAME" for a part)
	@$(BIN)/python -m bench $(ARGS)

bench-peers: $(VENV)/.setup-dev ## measure Waypost beside BullMQ, Celery, procrastinate and pg-boss
	@$(BIN)/python -m bench.peers $(ARGS)

crash: $(VENV)/.setup-dev ## kill nodes under load and count what was promised (ARGS="--kills 200 --store postgresql")
	@$(BIN)/python -m crash $(ARGS)

torture: $(VENV)/.setup-dev ## what it must survive, at length (ARGS="hostile --cases 50000", "faults", "soak --minutes 30")
	@$(BIN)/python -m torture $(ARGS)

screenshots: $(VENV)/.setup-dev ## make the pictures of the dashboard in docs/images (needs Chromium)
	@$(BIN)/python -m screenshots $(ARGS)

$(EMULATORS)/.installed: tests/emulators/package-lock.json
	@command -v npm >/dev/null || exit 0; \
		echo "Installing the emulators of the tests into $(EMULATORS) ..."; \
		if npm ci --prefix tests/emulators --ignore-scripts --no-audit --no-fund --loglevel=error; then touch $@; \
		else [ "$$CI" != true ]; fi

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Waypost needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		rm -rf $(VENV); echo "python3 -m venv does not work here; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

# A stamp is as new as the last installation: a changed requirements file installs again.
$(VENV)/.setup-run: requirements/run.txt pyproject.toml | $(VENV)/.made
	@echo "Installing what Waypost needs into $(VENV) ..."
	@$(PIP) install --requirement requirements/run.txt
	@$(EDITABLE)
	@touch $@

$(VENV)/.setup-dev: requirements/dev.txt requirements/run.txt pyproject.toml | $(VENV)/.made
	@echo "Installing what development needs into $(VENV) ..."
	@$(PIP) install --requirement requirements/dev.txt
	@$(EDITABLE)
	@touch $(VENV)/.setup-run $@
