# `make run` sets up and makes the whole comparison; `make test` sets up and checks it.
# Set-up happens once, in stages; a stage that was interrupted is taken up again by the same command.

PYTHON ?= python3
ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input

# Children (Snakemake's jobs, npm) must find the environment's programs first. Recipes before the
# environment exists name $(PYTHON), which this must not redirect: hence a variable, not `export`.
WITH_VENV := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"

# The user's own packages stay out of the environment. The second setting lets every version of pip
# build the one source distribution among the requirements the same way.
export PYTHONNOUSERSITE := 1
export PIP_USE_PEP517 := 1
unexport PYTHONHOME PYTHONPATH

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test bench lint docs notebooks clean

help:
	@echo "make run     set up, then prepare images, train, measure, draw (snakemake --cores all)"
	@echo "make test    set up, then make lint and the tests; those marked slow, whole runs among them,"
	@echo "             are left to CI, or: make test CHOSEN="
	@echo "make bench   set up, then time the coder's functions: results/run/benchmarks/functions.csv"
	@echo "make setup   only the environment in $(VENV); another Python: make setup PYTHON=python3.12"
	@echo "make lint    style, types and the workflow's own checks"
	@echo "make docs    the documentation as a site that opens from disk: build/site/index.html"
	@echo "make notebooks  clear what playing left in notebooks/, before a commit"
	@echo "make clean   remove what set-up made (results stay)"
	@echo "More for Snakemake: make run ARGS='--configfile mine.yaml'"

setup: $(VENV)/.package $(VENV)/.flif

run: setup
	@$(WITH_VENV) $(PY) -m snakemake --cores all $(ARGS)

# Files of tests side by side, one on each core. What is marked slow runs in CI (.ci/run).
SIDE_BY_SIDE := -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder --benchmark-disable
CHOSEN := -m "not slow"

test: lint
	@$(WITH_VENV) OMP_NUM_THREADS=1 $(PY) -m pytest -q $(SIDE_BY_SIDE) $(CHOSEN) $(ARGS)

BENCH := results/run/benchmarks/functions
SHOWN := --benchmark-columns=min,median,ops,rounds --benchmark-sort=fullname

bench: setup
	@mkdir -p $(dir $(BENCH))
	@$(WITH_VENV) $(PY) -m pytest benchmarks -q $(SHOWN) --benchmark-json=$(BENCH).json $(ARGS)
	@$(WITH_VENV) pytest-benchmark compare $(BENCH).json --csv=$(BENCH).csv \
		$(SHOWN:--benchmark-%=--%) >/dev/null

lint: setup
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(WITH_VENV) lint-imports --no-cache
	@$(WITH_VENV) $(PY) -m snakefmt --check Snakefile workflow
	@$(WITH_VENV) $(PY) -m snakemake --lint

docs: setup
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet
	@echo "build/site/index.html"

# Clears what playing left in the notebooks, as they are committed.
CLEAR := --ClearOutputPreprocessor.enabled=True --ClearMetadataPreprocessor.enabled=True \
	--ClearMetadataPreprocessor.preserve_cell_metadata_mask=tags \
	--ClearMetadataPreprocessor.preserve_nb_metadata_mask=kernelspec

notebooks: setup
	@$(PY) -m nbconvert --log-level ERROR --to notebook --inplace $(CLEAR) notebooks/*.ipynb

clean:
	rm -rf $(VENV) baselines/flif_wasm/node_modules build l3c_bench.egg-info
	rm -rf .benchmarks .pytest_cache .mypy_cache .ruff_cache .hypothesis $(BUILT)

# Stages. Each leaves a stamp in the environment only when it is complete.

$(VENV)/.created: tools/preflight.py
	@command -v $(PYTHON) >/dev/null || { echo "set-up: no $(PYTHON) on the PATH; \
	Python 3.11 or newer is needed (make setup PYTHON=/path/to/python3)" >&2; exit 1; }
	@$(PYTHON) tools/preflight.py
	@echo "set-up 1/4: virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.requirements: requirements.txt $(VENV)/.created
	@echo "set-up 2/4: Python packages (a few minutes; PyTorch is the largest)"
	@$(PIP) install --quiet -r requirements.txt
	@touch $@

BUILT := $(patsubst %.pyx,%.c,$(wildcard coder/*.pyx)) coder/*.so
CODER := $(filter-out $(BUILT),$(wildcard coder/*.pyx coder/*.h coder/*.c))

# The editable installation compiles the coder beside its sources.
$(VENV)/.package: $(VENV)/.requirements pyproject.toml setup.py $(CODER)
	@echo "set-up 3/4: this package, with its compiled coder"
	@rm -f $(BUILT)  # an interrupted build may have left half a file
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# FLIF is one optional row of the table: without npm's registry the rest goes on, and the next
# set-up tries again.
$(VENV)/.flif: baselines/flif_wasm/package-lock.json $(VENV)/.package
	@echo "set-up 4/4: FLIF"
	@if $(WITH_VENV) $(PY) -m baselines.install_flif --strict; then touch $@; fi
