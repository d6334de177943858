# Two commands on a fresh machine: `make demo` and `make test`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV_READY := $(VENV)/.ready-dev
# What answers is compiled at once; the rest when first used, and kept: all of torch takes most of a
# minute.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt
unexport PYTHONDONTWRITEBYTECODE

# One process a core; those that are through take tests from the others.
PYTEST := -m pytest -n auto --maxprocesses 4 --dist worksteal

.PHONY: demo test coverage check clean

demo: $(READY)
	PATH="$(abspath $(BIN)):$$PATH" sh examples/demo.sh demo

test: $(DEV_READY)
	OMP_NUM_THREADS=1 $(BIN)/python $(PYTEST)

coverage: $(DEV_READY)
	$(BIN)/python -m coverage erase
	OMP_NUM_THREADS=1 $(BIN)/python -m coverage run $(PYTEST)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

check: $(DEV_READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) demo .mypy_cache .pytest_cache .ruff_cache .hypothesis dist build

# A torch of the pinned version that PYTHON has already is used, not installed once more. That of a
# virtual environment cannot be lent to another: make VENV=THAT_ENVIRONMENT works in it.
HAS_TORCH = $(PYTHON) -c 'import sys, importlib.metadata as m; \
	torch = "torch==" + m.version("torch").split("+")[0]; \
	sys.exit(sys.prefix != sys.base_prefix or torch not in open("constraints.txt").read().split())' 2>/dev/null

$(BIN)/python:
	$(PYTHON) -m venv $$($(HAS_TORCH) && echo --system-site-packages) $(VENV)

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e .
	$(BIN)/python -c 'import compileall, numpy, click; \
		[compileall.compile_dir(m.__path__[0], quiet=1) for m in (numpy, click)]'
	$(BIN)/python -m compileall -q dssmcli
	touch $@

$(DEV_READY): $(READY)
	$(INSTALL) -e '.[dev]'
	touch $@
