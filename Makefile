# All commands for developers. They need make, sh and Python 3.11 or newer, and install the rest into .venv.
.POSIX:

IN_VENV = PATH="$$PWD/.venv/bin:$$PATH" DJANGO_DEBUG=1
PACKAGES = config notifications charges orders subscriptions integrations
PIP_TOOLS = .data/pip-tools

help:
	@echo 'make run           run the whole shop on this machine and place one real checkout; Ctrl-C stops it'
	@echo '                   ARGS=--once stops it after the checkout'
	@echo 'make checkout      place another order in the running shop; ARGS=--help lists the options'
	@echo 'make manage        run a command of manage.py on the running shop; ARGS="check_ledger"'
	@echo 'make test          run all tests; ARGS="tests/unit -k outbox" runs some of them'
	@echo 'make check         run ruff, mypy, import-linter, the migration check and the system checks'
	@echo 'make bench         measure checkouts, their effects and a worker'
	@echo 'make translations  update, check and compile the translations; ARGS="--add it" adds a language'
	@echo 'make requirements  pin the versions of requirements*.in; ARGS=--upgrade takes newer ones'
	@echo 'make clean         delete .venv, .data (database, queues, logs) and caches'
	@echo 'make help          show this list'
	@echo
	@echo 'PYTHON=/path/to/python3.12 selects the interpreter; it must be 3.11 or newer.'

.venv-ready:
	@PYTHON='$(PYTHON)' sh config/development/install.sh

run: .venv-ready
	@exec .venv/bin/python -m config.development.run --stop-with-parent $(ARGS)

checkout: .venv-ready
	@exec .venv/bin/python -m config.development.checkout $(ARGS)

manage: .venv-ready
	@exec .venv/bin/python -m config.development.manage $(ARGS)

# Write bytecode even if the environment says no: the tests start about a hundred processes that import the same modules.
test: .venv-ready
	@PYTHONDONTWRITEBYTECODE= $(IN_VENV) python -m pytest -n 4 --dist loadgroup $(ARGS)

bench: .venv-ready
	@$(IN_VENV) python -m benchmarks.checkout $(ARGS)
	@$(IN_VENV) python -m benchmarks.worker_throughput

check: .venv-ready
	@echo 'ruff' && $(IN_VENV) ruff check .
	@echo 'mypy (some 15 s the first time)' && $(IN_VENV) mypy $(PACKAGES)
	@echo 'import-linter' && $(IN_VENV) lint-imports --no-logo
	@echo 'migrations' && $(IN_VENV) python manage.py makemigrations --check --dry-run
	@echo 'system checks' && $(IN_VENV) python manage.py check

translations: .venv-ready
	@$(IN_VENV) python -m config.development.translations $(ARGS)

requirements: .venv-ready
	@test -x $(PIP_TOOLS)/bin/pip-compile || { \
		echo 'Installing pip-tools'; \
		.venv/bin/python -m venv $(PIP_TOOLS) && $(PIP_TOOLS)/bin/pip install --quiet "pip-tools==7.*"; }
	@for name in requirements requirements-dev; do \
		echo "$$name.in → $$name.txt"; \
		$(PIP_TOOLS)/bin/pip-compile --quiet --strip-extras --no-header --no-annotate --no-emit-index-url \
			--no-emit-find-links --no-emit-trusted-host $(ARGS) --output-file $$name.txt $$name.in || exit 1; \
	done

clean:
	@sh config/development/clean.sh

.PHONY: help run checkout manage test bench check translations requirements clean .venv-ready
