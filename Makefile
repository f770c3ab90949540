# Every target does its own set-up: Python 3.11+, pip, make and git are all that a machine needs.
#
#   make demo    from the embedded data to a verdict and a report, in the workspace folder demo/
#   make test    the checks, then every test (ARGUS_TEST_DATA=FOLDER adds those on real market data)
#   make setup   the set-up alone; the command is then .venv/bin/argus
#   make check   lint, format, types and layering
#   make bench   speed and memory, beside peers
#   make docs    the documentation site, in site/
#   make clean   remove what the other targets made, the environments .venv and bench/.venv-peers apart

PYTHON ?= python3
WORKERS ?= 2

BIN := .venv/bin
INSTALLED := .venv/.installed
INSTALLED_DOCS := .venv/.installed-docs
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip --quiet

# Files with tests of kernels: by their name, or by the mark on some of their tests.
KERNEL_TESTS = $(sort $(shell find tests -name 'test_*kernels.py') $(shell grep -rl --include='test_*.py' 'mark.kernel' tests))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test check plain bench docs clean

help:
	@sed -n 's/^#   //p' Makefile

setup: $(INSTALLED)

# Some distributions ship Python without the module that puts pip into a new environment; the machine's own pip does it then.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(0 if sys.version_info >= (3, 11) else f"Argus needs Python 3.11 or newer, $(PYTHON) is {v}: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 \
		|| { rm -rf .venv && $(PYTHON) -m venv --without-pip .venv && $(PYTHON) -m pip --quiet --python .venv/bin/python install pip; } \
		|| { rm -rf .venv; echo "could not create .venv with $(PYTHON): is its venv module installed?" >&2; exit 1; }

$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing Argus into .venv (a few minutes the first time)"
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

$(INSTALLED_DOCS): $(INSTALLED)
	@echo "installing the documentation tools into .venv"
	@$(PIP) install -c constraints.txt -e '.[docs]'
	@touch $@

demo: $(INSTALLED)
	@test -f demo/argus.yaml || $(BIN)/argus init demo
	@$(BIN)/argus research --workspace demo --workers $(WORKERS)
	@report=$$(find demo -name '*.html' -exec ls -t {} + | head -n 1); \
		test -n "$$report" || { echo "no report was written under demo/" >&2; exit 1; }; \
		echo "the report: $(CURDIR)/$$report"

# The kernels run as plain Python first, beside the checks, so that the last line on the screen sums up the whole run.
# The tests start some hundred processes: the sources are compiled once, also where PYTHONDONTWRITEBYTECODE is set.
test: $(INSTALLED)
	@$(BIN)/python -m compileall -q src
	@$(MAKE) --no-print-directory --output-sync=target -j 2 check plain
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

plain: $(INSTALLED)
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -m kernel -n $(WORKERS) --dist worksteal $(KERNEL_TESTS)

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src
	$(BIN)/lint-imports --no-logo

# Each peer has an environment of its own in bench/.venv-peers; one that does not install here is a row that says so.
bench: $(INSTALLED)
	$(BIN)/python bench/peers/install.py
	$(BIN)/python bench/run.py

docs: $(INSTALLED_DOCS)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf build dist site demo bench/out artefacts src/*.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests bench -name .venv-peers -prune -o -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
