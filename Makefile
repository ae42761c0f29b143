# Everything that this file makes stays in the checkout: the programs in .venv, the caches beside it.
# PYTHON=/path/to/python3.12 chooses the Python; without it scripts/venv takes the newest that will do.

.DEFAULT_GOAL := help
SHELL := /bin/sh
unexport PYTHONHOME PYTHONPATH
# The tests start a thousand Pythons: each would compile all of Sidedoor anew if none may keep what it compiled.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
ARGS ?=

# Five at a time, since many wait for programs that wait; a file's tests together, and the files in the order of their names,
# which puts the clients first, whose tests last longest.
ALL_TESTS := -n 5 --dist loadfile --no-loadscope-reorder

.PHONY: help demo test lint check fix docs venv clients prepared clean

help: ## Say what can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1  \t/p' Makefile

demo: venv ## Play the chapter with real bytes and stay up (ARGS=--once: end by itself)
	@$(BIN)/python -m sidedoor.demo $(ARGS)

test: clients ## Run the tests (ARGS='-k endpoint -x': some of them)
	@$(BIN)/python -m pytest $(or $(ARGS),$(ALL_TESTS))

lint: venv ## Check style, format, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## Both of them

fix: venv ## Let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: venv ## Write docs/operations.md and docs/engine-exceptions.md anew
	$(BIN)/python scripts/operations_doc.py
	$(BIN)/python tests/conformance/engine_exceptions.py

venv:
	@scripts/venv

clients: venv
	@scripts/clients

# All that the tests need, and each of their files compiled: else each of pytest's processes would do that for itself.
prepared: clients
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null

clean: ## Remove everything that make has made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find src tests scripts bench -name __pycache__ -type d -prune -exec rm -rf {} +
