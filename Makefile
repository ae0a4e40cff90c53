# make demo    install, and run cuecast on real photographs
# make test    install what the tests need, and run them
# make check   the tests, and the checks of style and types
# make docs    build the documentation with the reference of the library, into build/site
# make studio  build the studio's page from studio/ (needs Node.js); the built page is kept in git
#
# Needs Python 3.11 or newer with its venv module, nothing else. Everything goes into .venv.
# PIP_ARGS is handed to pip: e.g. PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
# gives the smaller build of torch that has no GPU part.

PYTHON := $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS)
TORCH := torch==2.13.0
# CUECAST_PACKS is cleared: the tests see the packs of this checkout only. A process a core, of which four are enough;
# neighbours stay together (they share what a file has set up), and who is done early takes over from the others.
PYTEST := CUECAST_PACKS= $(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist worksteal

.PHONY: demo test check docs studio clean

demo: $(VENV)/.package
	$(BIN)/python examples/demo.py

test: $(VENV)/.tests
	$(PYTEST)

check: $(VENV)/.checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST)

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict

studio:
	cd studio && npm ci --no-audit --no-fund && npm run build

clean:
	rm -rf $(VENV) demo build dist

$(BIN)/python:
	"$(PYTHON)" -c 'import sys; sys.exit("cuecast needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	"$(PYTHON)" -m venv $(VENV)

$(VENV)/.package: pyproject.toml | $(BIN)/python
	$(PIP) -e .
	touch $@

$(VENV)/.tests: pyproject.toml | $(BIN)/python
	sh tests/system_packages.sh
	$(PIP) -e '.[test,train,bench]' $(TORCH)
	touch $@ $(VENV)/.package

$(VENV)/.checks: $(VENV)/.tests
	$(PIP) -e '.[dev]'
	touch $@

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(PIP) -e '.[docs]'
	touch $@ $(VENV)/.package
