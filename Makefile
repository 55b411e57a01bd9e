# The two commands of a newcomer are `make demo` and `make test`; both do their own set-up in .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SOURCES := sessioneval tests benchmarks

.PHONY: demo test lint types floors docs check format constraints lowest clean

demo: .venv/.demo-installed
	$(BIN)/sessioneval demo

test: .venv/.dev-installed .venv-deepeval/.installed
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=90

check: lint types floors docs

lint: .venv/.dev-installed
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: .venv/.dev-installed
	$(BIN)/mypy

floors: .venv/.dev-installed
	$(BIN)/lint-imports

docs: .venv/.dev-installed
	$(BIN)/python -m pytest -q tests/test_docs.py

format: .venv/.dev-installed
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

# Exact versions of everything, for all supported Pythons; names and versions only.
constraints: .venv/.dev-installed
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra demo --group dev --universal --upgrade --python-version 3.11 \
		--no-header --no-annotate --no-emit-index-url --quiet --output-file constraints.txt

# The tests on the lowest versions that pyproject.toml allows.
lowest:
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet uv
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest --resolution lowest-direct -e '.[demo]' --group dev
	.venv-lowest/bin/python -m pytest -q $(PYTEST_ARGS)

.venv/.pip: constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	touch $@

.venv/.demo-installed: .venv/.pip pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[demo]'
	touch $@

.venv/.dev-installed: .venv/.pip pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[demo]' --group dev
	touch $@

# DeepEval changes how pytest runs, so it stays out of the environment of the tests.
.venv-deepeval/.installed: pyproject.toml
	test -x .venv-deepeval/bin/python || $(PYTHON) -m venv .venv-deepeval
	.venv-deepeval/bin/pip install --quiet --disable-pip-version-check 'deepeval==4.3.1' --editable .
	touch $@

clean:
	rm -rf .venv .venv-deepeval .venv-lowest .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis demo-traces
