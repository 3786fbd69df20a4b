# Two commands matter: `make run` and `make test`. Each does its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# All tests run side by side, with one worker more than there are cores, for many wait for servers; what ARGS names runs in one.
SIDE_BY_SIDE := -n $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1))) --dist loadfile

# The tests start hundreds of processes: each would compile the whole program anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test accuracy gate whys lock lint format torture tables seeds pictures bench bench-peers clean dashboards

run: $(VENV)/.run
	$(BIN)/parkwatt demo $(ARGS)

test: $(VENV)/.dev
	deploy/debian-packages.sh
	$(BIN)/pytest $(or $(ARGS),$(SIDE_BY_SIDE))

lock: $(VENV)/.dev
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --extra demo -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --extra dev -o requirements-dev.lock pyproject.toml
	$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['build-system']['requires'], sep='\n')" \
		| $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header -o requirements-build.lock -

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

dashboards: $(VENV)/.dev
	$(BIN)/python -m dashboards.grafana

torture: $(VENV)/.dev
	$(BIN)/python -m tests.torture $(ARGS)

tables: $(VENV)/.dev
	$(BIN)/python -m tests.tables

whys: $(VENV)/.dev
	$(BIN)/python -m tests.whys

seeds: $(VENV)/.dev
	$(BIN)/python -m service.demo.score $(ARGS)

pictures: $(VENV)/.dev
	$(BIN)/python -m tests.pictures $(ARGS)

gate: $(VENV)/.dev
	$(BIN)/python -m tests.gate $(ARGS)

accuracy: $(VENV)/.dev
	$(BIN)/python -m tests.accuracy

bench: $(VENV)/.dev
	$(BIN)/python -m tests.bench $(ARGS)

bench-peers: $(VENV)/.dev
	$(BIN)/python -m tests.bench peers $(ARGS)

$(BIN)/python:
	$(PYTHON) deploy/make_venv.py $(VENV)

$(VENV)/.run: $(BIN)/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

$(VENV)/.dev: $(BIN)/python requirements-dev.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) .demo build dist *.egg-info
