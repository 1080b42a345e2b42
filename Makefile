# Mini FMI. `make help` names every target.

PYTHON ?= python3
PORT ?= 8000
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
export PORT

.DEFAULT_GOAL := help
.PHONY: help run test chaos fuzz demo bench bench-settlement check format clean

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

run: $(VENV)/.installed ## Run the product: http://127.0.0.1:8000, or PORT=…; DAYS=… to play first, DAY_SECONDS=… each then takes; Ctrl-C stops it
	@$(BIN)/python -m fmi.supervisor

demo: $(VENV)/.installed ## Play 20 business days of 2008 without pages, check every invariant, report
	@$(BIN)/python -m fmi.embedded with -- $(BIN)/python manage.py demo

test: $(VENV)/.installed-dev ## Run all tests on throw-away servers, JOBS=… side by side; ARGS="-k name" chooses
	$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

chaos: $(VENV)/.installed-dev ## Kill workers and lose messages while business days run; CHAOS_SEED=… repeats a run
	$(BIN)/python -m pytest -m chaos -s $(ARGS)

fuzz: $(VENV)/.installed-dev ## Send FUZZ_CASES=1000 of every operation of the API, logged in and not, JOBS=… side by side, told in test-results/fuzz.log; FUZZ_SEED=… repeats
	$(BIN)/python -m pytest -n $(JOBS) -m fuzz $(ARGS)

bench: $(VENV)/.installed-bench ## Measure the speed against PostgreSQL's own on this machine
	@$(BIN)/python -m fmi.embedded with --durable -- $(BIN)/python -m bench $(ARGS)

bench-settlement: $(VENV)/.installed-bench ## Settle the same instructions by the optimiser and by others; ARGS="--sizes 1000"
	@$(BIN)/python -m bench.settlement $(ARGS)

check: $(VENV)/.installed-dev ## Judge style, types, floors, migrations, deployment settings, event schemas, API schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m fmi.embedded with -- $(BIN)/python manage.py makemigrations --check --dry-run
	SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))') \
		DATABASE_URL=postgresql://127.0.0.1/fmi REDIS_URL=redis://127.0.0.1/0 ALLOWED_HOSTS=fmi.example \
		JWT_SIGNING_KEYS=check:$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(48))') \
		JWT_ISSUER=https://fmi.example JWT_AUDIENCE=https://fmi.example/api/v1 \
		ENCRYPTION_KEYS=$$($(BIN)/python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())') \
		AUDIT_SIGNING_KEY=$$($(BIN)/python -c 'import base64, secrets; print(base64.b64encode(secrets.token_bytes(32)).decode())') \
		$(BIN)/python manage.py check --deploy --fail-level WARNING
	DEBUG=true $(BIN)/python manage.py check_event_schemas
	DEBUG=true $(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null
	DEBUG=true $(BIN)/mypy .

format: $(VENV)/.installed-dev ## Format the code and mend what can be mended by machine
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove what was made: data, logs, caches, static files, the virtual environment
	@if [ -d var ] && [ -x $(BIN)/python ]; then $(BIN)/python -m fmi.embedded down; fi
	rm -rf var staticfiles test-results .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis $(VENV)

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Mini FMI needs Python 3.11 or newer; $(PYTHON) is older or missing. Set PYTHON=…" >&2; exit 1; }
	@echo "Creating $(VENV)"
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "Python's venv module is missing: install it (Debian: apt-get install python3-venv)." >&2; exit 1; }
	@touch $@

$(VENV)/.installed: requirements.txt | $(VENV)/.created
	@echo "Installing the packages of requirements.txt (about a minute, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "Installing the packages of requirements-dev.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/.installed-bench: requirements-bench.txt $(VENV)/.installed
	@echo "Installing the packages of requirements-bench.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@touch $@
