PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: study test lint clean

study: $(VENV)/.installed
	$(BIN)/python -m study.run quickstart

test: study
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV)
