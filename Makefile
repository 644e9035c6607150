# Every target makes its own virtual environment in the checkout and installs what it needs there: it takes Python 3.11 or
# newer, make and a C compiler, nothing else.

# The first Python by these names that is new enough and can make an environment.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.14; do \
	"$$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))

.DEFAULT_GOAL := help
.PHONY: help demo test test-plugins test-examples test-carbontracker lint docs wheel ci clean

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.run ## Train a small model on this machine, and measure it
	$(BIN)/carbonsdk demo

test: $(VENV)/.test ## Run the tests
	$(BIN)/pytest

# What a package's `test` extra names is not in every registry; the tests that want it skip themselves without.
test-plugins: $(VENV)-plugins/.test ## Run the tests of the packages under plugins/, in an environment of their own
	@set -e; for plugin in $(PLUGINS); do echo "== $$plugin"; \
		$(VENV)-plugins/bin/python -m pip --quiet --disable-pip-version-check install "./$$plugin[test]" \
			|| $(VENV)-plugins/bin/python -m pip --quiet --disable-pip-version-check install "./$$plugin"; \
		(cd "$$plugin" && "$(abspath $(VENV)-plugins)/bin/pytest" -q); done

test-examples: $(VENV)-examples/.test ## Run the examples, and what needs Jupyter or PyTorch (make test-examples TORCH=torch)
	$(VENV)-examples/bin/pytest -q tests/examples tests/cases

test-carbontracker: $(VENV)-carbontracker/.test ## Have the released carbontracker read our log files
	$(VENV)-carbontracker/bin/pytest -q tests/carbontracker_users tests/carbontracker_logs tests/sinks/test_carbontracker_log.py

lint: $(VENV)/.lint ## Check format, style, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.docs ## Build the documentation; a warning is an error
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

wheel: $(VENV)/.run ## Build the wheel, install it into an empty environment, and use it there
	rm -rf build/wheel build/empty
	$(PIP) wheel --no-deps --wheel-dir build/wheel .
	$(BIN)/python -m venv build/empty
	build/empty/bin/python -m pip --quiet --disable-pip-version-check install build/wheel/*.whl
	cd build && empty/bin/python -W error -c "import carbonsdk; print('carbonsdk', carbonsdk.__version__, 'from', carbonsdk.__file__)"
	cd build && empty/bin/carbonsdk --help >/dev/null && empty/bin/carbonsdk plugins

ci: ## Do what the continuous integration does
	.ci/run

clean: ## Remove the environments and what was built
	rm -rf $(VENV) $(VENV)-plugins $(VENV)-examples $(VENV)-carbontracker build dist docs/_build

$(VENV)/.run: pyproject.toml | $(BIN)/python
	$(PIP) install --editable .
	@touch $@

$(VENV)/.test $(VENV)/.docs: $(VENV)/.%: pyproject.toml | $(BIN)/python
	$(PIP) install --editable ".[$*]"
	@touch $@

# mypy reads the types of what the code uses, so the tests' packages belong to it.
$(VENV)/.lint: pyproject.toml | $(BIN)/python
	$(PIP) install --editable ".[test,lint]"
	@touch $@

# Not editable: a plugin is tested against carbonsdk as people have it.
$(VENV)-plugins/.test: pyproject.toml $(shell find carbonsdk -name '*.py') | $(VENV)-plugins/bin/python
	$(VENV)-plugins/bin/python -m pip --quiet --disable-pip-version-check install ".[test]"
	@touch $@

$(VENV)-examples/.test: pyproject.toml | $(VENV)-examples/bin/python
	$(VENV)-examples/bin/python -m pip --quiet --disable-pip-version-check install --editable ".[test,examples]" $(TORCH)
	@touch $@

$(VENV)-carbontracker/.test: pyproject.toml | $(VENV)-carbontracker/bin/python
	$(VENV)-carbontracker/bin/python -m pip --quiet --disable-pip-version-check install --editable ".[test]" carbontracker==2.4.7
	@touch $@

%/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "No Python 3.11 or newer with venv and ensurepip was found; name one: make PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv $*
