# `make` shows what there is. Everything happens in .venv; nothing outside this folder is changed.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

# Set PYTHON to use a particular one; else the newest of these that can make a virtual environment.
CANDIDATES := $(PYTHON) python3.13 python3.12 python3.11 python3
BIN := .venv/bin
# Compiled files make the second start fast; compiling all of them at once would take longer than the whole set-up.
unexport PYTHONDONTWRITEBYTECODE
# uv's cache is in the home folder, which a service's user may not have.
export UV_NO_CACHE := 1
INSTALL_UV := install -qq --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/uv.txt
COMPILE := ../$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11

.PHONY: help install demo test previous sdk-test lint dev bench profile soak mutants screenshots lock clean always

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

install: .venv/.run ## Set up .venv, so that .venv/bin/autodialer exists
	@echo "Ready: .venv/bin/autodialer"

demo: .venv/.run ## Dial through several days against simulated Zoho and 8x8; KEEP=1 stays up afterwards
	@$(BIN)/autodialer demo $(if $(filter-out 0,$(KEEP)),--keep)

# Four at a time, on two cores too, and the checks beside them: what starts processes waits for them, and each more of them
# collects all tests once more.
test: .venv/.dev ## Set up and pass all checks and tests
	@$(MAKE) --silent lint & checks=$$!; $(MAKE) --silent .venv/.compiled; \
	$(BIN)/python -m pytest -n 4 --dist worksteal; tests=$$?; wait $$checks && exit $$tests

previous: .venv/.dev ## Pass the previous release's tests on this one's schema, as in the middle of a rollout (a minute)
	@$(BIN)/python -m pytest -n 0 -m soak tests/store/test_previous_release.py

sdk-test: .venv/.sdk ## Install Zoho's official SDK (25 MB) and let it work with the simulated Zoho
	@$(BIN)/python -m pytest -n 0 tests/contract/zoho/test_sdk.py

lint: .venv/.dev ## Format, lint and types only
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

dev: .venv/.run ## Serve with reload, settings from .env
	@$(BIN)/autodialer serve --reload

bench: .venv/.dev ## Measure speed beside rivals (an hour); QUICK=1 ends within three minutes, ONLY=P1,D4 measures a part
	@PYTHONPATH=tests:. $(BIN)/python -m benchmarks

profile: .venv/.dev ## Print where the time goes on each hot path; ONLY=callback, call, stats or decide names one
	@PYTHONPATH=tests:. $(BIN)/python -m benchmarks.profiling

soak: .venv/.dev ## Kill processes, cut the power, simulate SEEDS (500) times some bad days (hours)
	@$(BIN)/python -m pytest -n 2 -m soak tests

mutants: .venv/.dev ## Break the ledger in many small ways, in copies: the tests must notice each (minutes)
	@$(BIN)/python tests/mutants.py

screenshots: .venv/.dev ## Take the documentation's pictures of the console anew (needs chromium)
	@$(BIN)/python -m pytest -n 0 tests/browser/pictures.py

lock: .venv/.run ## Renew requirements/*.txt within what they pin; UPGRADE=1 takes the newest
	@cd requirements && for name in uv run dev sdk; do $(COMPILE) $(if $(UPGRADE),--upgrade) --output-file $$name.txt $$name.in || exit 1; done

clean: ## Remove .venv and caches; data/ and logs/ stay
	@rm -rf .venv .bench build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis .import_linter_cache
	@find src tests benchmarks -type d -name __pycache__ -prune -exec rm -rf {} +

# What a candidate can do: ready, bare (nothing to install with) or old.
define PROBE
import sys, importlib.util as u; \
print("old" if sys.version_info < (3, 11) else \
"ready" if u.find_spec("venv") and (u.find_spec("pip") or u.find_spec("ensurepip")) else "bare")
endef

# A virtual environment knows its own path: one that was copied or moved is made anew.
ifneq ($(shell cat .venv/.made-in 2>/dev/null),$(CURDIR))
.venv/.made-in: always
endif

.venv/.made-in: requirements/uv.txt
	@python=; old=; bare=; \
	for candidate in $(CANDIDATES); do \
	  case "$$("$$candidate" -c '$(PROBE)' 2>/dev/null)" in \
	    ready) python=$$candidate; break ;; \
	    bare) bare=$$candidate ;; \
	    old) old=$$candidate ;; \
	  esac; \
	done; \
	if [ -z "$$python" ]; then \
	  if [ -n "$$bare" ]; then echo "$$bare has no venv, or neither pip nor ensurepip. On Debian: apt install python3-venv python3-pip"; \
	  elif [ -n "$$old" ]; then echo "$$old is too old: Python 3.11, 3.12 or 3.13 is needed"; \
	  else echo "Python 3.11, 3.12 or 3.13 is needed and none was found. On Debian: apt install python3 python3-venv python3-pip"; fi >&2; \
	  exit 1; \
	fi; \
	echo "Setting up .venv with $$("$$python" --version)"; \
	rm -rf .venv && \
	if "$$python" -c 'import pip' 2>/dev/null && "$$python" -m venv --without-pip .venv && \
	   "$$python" -m pip --python .venv/bin/python $(INSTALL_UV); then :; \
	else rm -rf .venv && "$$python" -m venv .venv && $(BIN)/python -m pip $(INSTALL_UV); fi && \
	command -v "$$python" > .venv/.host-python && pwd -P > $@

.venv/.run: .venv/.made-in requirements/run.txt pyproject.toml deploy/install.sh
	@PYTHON="$$(cat .venv/.host-python)" sh deploy/install.sh .venv requirements/run.txt
	@$(BIN)/uv pip install --quiet --offline --python $(BIN)/python --no-build-isolation --no-deps --editable .
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt
	@PYTHON="$$(cat .venv/.host-python)" sh deploy/install.sh .venv requirements/dev.txt
	@touch $@

# Once, for every later process: several at a time would each compile everything. What is wrong with a test is said later.
.venv/.compiled: .venv/.dev
	@$(BIN)/python -m pytest -n 0 --collect-only -qq >/dev/null 2>&1 || true
	@touch $@

.venv/.sdk: .venv/.dev requirements/sdk.txt
	@PYTHON="$$(cat .venv/.host-python)" sh deploy/install.sh .venv requirements/sdk.txt
	@touch $@
