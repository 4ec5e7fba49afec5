# Every target does its own set-up; nothing but Python 3.11 or newer, pip and make is needed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
export OPENBLAS_NUM_THREADS := 1

.PHONY: help demo serve test check parity bench bench-accuracy chaos lock clean setup setup-dev

help: ## Show the targets.
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Create .venv with the hash-pinned requirements; a second run reuses it.
	@.ci/setup requirements.txt

setup-dev: ## The same with what the tests and checks need.
	@.ci/setup requirements-dev.txt

demo: setup ## Learn a line, then penguins, through the whole service on this machine.
	@$(PY) -m examples.demo

serve: setup ## Serve on 127.0.0.1:8000 until Ctrl-C; state in ./var.
	@exec $(PY) -m service.supervisor

test: setup-dev ## The whole suite, on private PostgreSQL and Redis servers of its own.
	@$(PY) -m pytest -n $$($(PY) -c 'import os; print(len(os.sched_getaffinity(0)))') --dist loadgroup

check: setup-dev ## Style, types, architecture, dependencies.
	@.ci/check

parity: setup ## Compare the engine with PyTorch in float64, in an environment of its own.
	@.ci/parity

bench: setup-dev ## Speed and memory, as ratios against peers.
	@.ci/bench

bench-accuracy: setup-dev ## The recipes beside scikit-learn: TABLES=folder of CSV files and cards.
	@.ci/bench accuracy $(TABLES)

chaos: setup-dev ## Disturb the service at random: SEED=1 MINUTES=10 DATABASE=postgresql.
	@$(PY) -m tests.chaos --seed $(or $(SEED),1) --minutes $(or $(MINUTES),10) --database $(or $(DATABASE),postgresql)

lock: ## Resolve the requirements again (needs uv).
	@.ci/lock

clean: ## Remove environments and caches; ./var is kept.
	@rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
