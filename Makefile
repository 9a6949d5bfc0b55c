# Two commands from nothing but make and Python 3.11 or later: `make demo` and `make test`.
# Everything else is listed by `make help`.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
CODE := $(wildcard qm tui cli brokers backtest tests benchmarks examples docs)
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

# An interpreter of your own choice: make demo PYTHON=/path/to/python
PYTHON ?=
CANDIDATES := $(or $(PYTHON),python3.11 python3.12 python3.13 python3.14 python3 python)

# Arguments for the programs behind the targets: make demo ARGS="--seed 7"
ARGS ?=
WORKERS ?= auto
SESSIONS ?= 250

.PHONY: help demo test stale check style types arrows format bench soak docs calendar pins clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.runtime stale ## open the workstation on a synthetic market
	@$(BIN)/qm demo $(ARGS)

test: $(VENV)/.dev stale ## run all tests
	@$(BIN)/pytest -n $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

# Compiled code is kept beside the file that it was called from, and does not notice a change in what that file imports.
stale:
	@last=$$(find qm brokers benchmarks -name '*.py' -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -1 | cut -d' ' -f2); \
	[ -z "$$last" ] || find qm brokers benchmarks -name '*.nb[ci]' ! -newer "$$last" -delete

check: style types arrows ## check format, lint, types and import arrows (-k: go on after a failure)

style: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy $(CODE)

arrows: $(VENV)/.dev
	$(BIN)/lint-imports

format: $(VENV)/.dev ## format the code and sort its imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev stale ## measure against peers and against the physical limit
	@$(BIN)/python -m benchmarks $(ARGS)

soak: $(VENV)/.dev ## run for long and watch memory and latency; kill a download 50 times; measure 250 made-up days
	@$(BIN)/python -m benchmarks.soak $(ARGS)
	@$(BIN)/python -m benchmarks.synthetic --sessions $(SESSIONS)
	@QM_SOAK_KILLS=50 $(BIN)/pytest -q -n0 tests/cli/test_download_killed.py

docs: $(VENV)/.dev ## generate the pages of docs/ that follow from the code
	@$(BIN)/python docs/generate.py $(ARGS)

calendar: $(VENV)/.dev ## compare the baked closures with exchange_calendars (ARGS=--write: take them over)
	@$(BIN)/python -m tests.closures $(ARGS)

# The second set is resolved against the first, so that one environment can hold both.
PIN := $(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	--no-header --strip-extras --allow-unsafe

pins: $(VENV)/.dev ## resolve the pinned requirements again
	$(PIN) -o requirements/runtime.txt pyproject.toml requirements/build.in
	$(PIN) --extra dev -c requirements/runtime.txt -o requirements/dev.txt pyproject.toml requirements/build.in
	@! grep -nE '://|^--(index|extra|find|trusted)' requirements/*.txt

clean: ## remove the environment and the caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written last: an interrupted installation starts again, a finished one is skipped.
$(VENV)/.runtime $(VENV)/.dev: $(VENV)/.%: requirements/%.txt pyproject.toml | $(BIN)/python
	@echo "installing the pinned $* requirements into $(VENV) (once; a minute or two) ..."
	@$(PIP) install --require-hashes -r requirements/$*.txt
	@$(PIP) install --no-index --no-deps --no-build-isolation -e .
	@touch $@

$(BIN)/python:
	@for python in $(CANDIDATES); do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$python"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "QuantMatrix needs Python 3.11 or later; looked for: $(CANDIDATES)." >&2; \
		echo "Install one, or name yours: make demo PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	if ! "$$found" -c 'import venv, ensurepip' 2>/dev/null; then \
		echo "$$found has no venv module. On Debian and Ubuntu it is the package python3-venv." >&2; exit 1; \
	fi; \
	"$$found" -m venv --clear $(VENV)
