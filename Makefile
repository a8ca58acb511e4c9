# Everything a newcomer needs: `make up` runs Touchline, `make test` tests it.
# Both set up .venv first; nothing but git, make and Python 3.11+ is assumed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SPEED ?= 10
DATA ?= .touchline
MINUTES ?= 10
SEED ?= 1

.PHONY: up test test-rules test-services test-faults long-test soak check format browser-test clean

up: $(READY)
	$(BIN)/touchline up --data-dir $(DATA) --speed $(SPEED)

# Those of services and faults mostly wait for processes, so the other tests run meanwhile.
test: $(READY)
	@$(MAKE) --no-print-directory -j3 test-rules test-services test-faults

test-rules: $(READY)
	$(BIN)/python -m pytest --ignore tests/browser --ignore tests/faults --ignore tests/services

test-services: $(READY)
	$(BIN)/python -m pytest tests/services

test-faults: $(READY)
	$(BIN)/python -m pytest tests/faults -m "not long"

# Faults that take minutes each, such as black holes, full disks, a failover, a deploy; no part of `test`.
long-test: $(READY)
	$(BIN)/python -m pytest tests/faults -m long

# Kills and freezes everything while people trade, then proves that nothing was lost; no part of `test`.
soak: $(READY)
	$(BIN)/python -m tests.soak --minutes $(MINUTES) --seed $(SEED)

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

browser-test: $(READY)
	$(BIN)/python -m pytest tests/browser

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(READY): requirements.lock setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Touchline needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(READY)

# After a change of dependencies in setup.cfg: resolve the pinned versions again.
.PHONY: lock
lock:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --generate-hashes \
	  --extra dev -o requirements.lock setup.cfg

# Looks up every pinned dependency in the database of known vulnerabilities; needs the network, so it is no
# part of `check`. Where that cannot be reached it says "not checked", and fails.
.PHONY: audit
audit:
	@PYTHON=$(PYTHON) .ci/audit

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
