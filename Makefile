# make demo     the main job, from nothing
# make lab      JupyterLab at the first notebook
# make test     lint, types, tests and notebooks; the browser tests too where chromium is installed
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
PIP     = $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo lab test check tests browser kernels screenshots benchmarks clean

demo: $(VENV)/.ready
	$(BIN)/retitlekit sweep --models baseline/prefix baseline/lead-compress baseline/lexrank \
		--temperatures 0 0.3 0.7 --repeats 2 --show contract-body --out demo.parquet

lab: $(VENV)/.ready
	$(BIN)/retitlekit lab notebooks/01_first_sweep.ipynb

test: check tests browser

check: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

tests: $(VENV)/.ready-dev
	$(BIN)/python -m pytest -m "not browser"

# Not on every machine is there a chromium; in CI a missing one is a failure.
browser: $(VENV)/.ready-dev
	@if command -v chromium >/dev/null || [ -n "$$CI" ]; then $(BIN)/python -m pytest -m browser tests/browser; \
	else echo "no chromium on this machine: the browser tests did not run (apt-get install chromium)"; fi

# The Stop button in the kernels that people have; installs each of them apart (a minute).
kernels: $(VENV)/.ready-dev
	$(BIN)/python -m benchmarks.kernels

screenshots: $(VENV)/.ready-dev
	$(BIN)/python -m tests.browser.screenshots docs

benchmarks: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/baselines.py
	$(BIN)/python benchmarks/ground.py
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/pages.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "retitlekit needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up $(VENV) (once, one to three minutes)…"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: $(VENV)/bin/python pyproject.toml constraints.txt
	@$(PIP) --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	@$(PIP) --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .retitlekit demo.parquet .hypothesis .pytest_cache .mypy_cache .ruff_cache shots
