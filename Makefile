# The two commands of a new machine are `make demo` and `make test`; each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
STUDY ?= simulations.demo
DATA ?=
ARGS ?=
KILLS ?= 200

.PHONY: setup demo deploy-demo study test soak check bench report proto fuzz clean

setup: $(READY)

# Made anew only when missing or when pyproject.toml changed; a half-made one has no $(READY) and is made again.
$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(BIN)/python -m pip check
	touch $@

demo: $(READY)
	$(BIN)/dpm-flower study simulations.demo $(ARGS)

deploy-demo: $(READY)
	$(BIN)/python -m dpm_flower.apps.deploy_demo $(ARGS)

study: $(READY)
	$(BIN)/dpm-flower study $(STUDY) $(if $(DATA),--data "$(DATA)") $(ARGS)

report: $(READY)
	$(BIN)/dpm-flower report $(RUN)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_floors.py

# Two processes, since most tests compute on one core and the rest waits for others; a file's tests stay together, they share what they made.
test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

# Runs whose processes are killed at random: KILLS times (200) in simulations, a tenth as often in deployments; hours for all.
soak: $(READY)
	KILLS=$(KILLS) $(BIN)/python -m pytest -m soak $(ARGS)

bench: $(READY)
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only -o addopts= -q $(ARGS)

proto: $(READY)
	$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. dpm_flower/exchange/exchange.proto

# Ten minutes, or SECONDS=60; says what is missing where the fuzzing engine is not installed.
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz.run $(SECONDS)

clean:
	rm -rf $(VENV) runs .flwr .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
