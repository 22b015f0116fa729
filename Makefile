PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: study test quick lint docs fix clean

# Install, and run a whole study on generated data.
study: $(VENV)/.installed
	$(BIN)/python -m study.run quickstart

# All tests.
test: $(VENV)/.installed
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow

# The tests that take little time.
quick: $(VENV)/.installed
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not slow and not medium"

# Style, types and import rules.
lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The documentation as a site in build/site; fails on any link that leads nowhere.
docs: $(VENV)/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# Mend of style what can be mended by itself.
fix: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV)
