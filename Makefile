# Everything a person types. `make demo` and `make test` set up what they need on a fresh Debian or Ubuntu machine.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
# What the example builds on and the tests run; pulled, or made here where no registry answers.
BASE_IMAGES := debian:bookworm-slim postgres:15-bookworm python:3.13-slim node:22-slim
# Processes that test side by side. A file stays in one of them, so that what it sets up once is set up once.
WORKERS ?= 3
SPREAD := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# Tests start Shipmate a hundred times: Python may keep what it compiled, in the checkout.
unexport PYTHONDONTWRITEBYTECODE

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: cluster ## the whole way, by asking: from source to a running, broken, mended and undone todo chatbot
	$(BIN)/python -m evals.demo

chat: cluster ## talk to Shipmate on the built-in cluster
	$(BIN)/shipmate --context shipmate

test: cluster ## unit tests and tests on the real cluster
	$(BIN)/pytest -m "not long" $(SPREAD) --cov --cov-report=term --durations=15 --cov-fail-under=$$(cat tests/coverage-floor)

test-unit: .venv ## what needs no cluster and no engine: seconds
	$(BIN)/pytest -m "not long and not cluster and not engine" $(SPREAD) -q

test-long: cluster ## what takes longer: node restarts, long property runs, all scenarios
	$(BIN)/pytest -m long --hypothesis-profile=search
	$(BIN)/python -m evals.run

evals: cluster ## the scenarios: requests with checkable outcomes on the real cluster
	$(BIN)/python -m evals.run

eval: cluster ## the faults: causes found, false findings, fixes proven on the real kubelet; keeps the table in the guide
	$(BIN)/python -m evals.faults --write

bench: cluster ## timings as ratios to kubectl and to the bare interpreter
	$(BIN)/python -m benchmarks.run

bench-scale: .venv ## a diagnosis of 1,000 nodes and 10,000 pods on a cluster of its own, against kubectl
	$(BIN)/python -m benchmarks.diagnose --scale --runs 2

check: .venv ## format, lint, types and the rules of dependence
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

fmt: .venv ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: .venv ## resolve the dependencies again
	$(BIN)/pip install -q uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --generate-hashes --no-header \
		--python-version 3.11 --native-tls -q -o requirements.lock

cluster: .venv ## a real Kubernetes on this machine (built on the first call)
	$(BIN)/shipmate doctor --fix --yes --only docker
	$(BIN)/shipmate cluster up
	$(BIN)/shipmate cluster load $(BASE_IMAGES)

down: .venv ## take the cluster away, with its data
	$(BIN)/shipmate cluster down

.venv: requirements.lock pyproject.toml
	deploy/bootstrap.sh
	$(BIN)/pip install -q --require-hashes -r requirements.lock
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch .venv

clean: ## remove what was built here
	rm -rf .venv .coverage .pytest_cache .ruff_cache .hypothesis

.PHONY: help demo chat test test-unit test-long evals eval bench check fmt lock cluster down clean
