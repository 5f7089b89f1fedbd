# Everything that a developer does. Needs make, sh and Python 3.11 or newer; the rest is installed into .venv.
.POSIX:

IN_VENV = PATH="$$PWD/.venv/bin:$$PATH" DJANGO_DEBUG=1
PACKAGES = config notifications charges orders subscriptions integrations
PIP_TOOLS = .data/pip-tools

help:
	@echo 'make run           the whole shop on this machine, and one real checkout; Ctrl-C ends it'
	@echo '                   ARGS=--once ends it after the checkout'
	@echo 'make checkout      another checkout in the shop that runs; ARGS=--help shows what may be chosen'
	@echo 'make manage        a command of manage.py on the shop that runs; ARGS="check_ledger"'
	@echo 'make test          all tests; ARGS="tests/unit -k outbox" some of them'
	@echo 'make check         ruff, mypy, import-linter, migrations, system checks'
	@echo 'make translations  update, check and compile the catalogs; ARGS="--add it" adds a language'
	@echo 'make requirements  pin requirements*.in anew; ARGS=--upgrade takes newer versions'
	@echo 'make bench         measure checkouts, their effects and a worker'
	@echo 'make clean         delete .venv, .data (database, queues, logs) and caches'
	@echo
	@echo 'PYTHON=/path/to/python3.12 names the interpreter; it must be 3.11 or newer.'

.venv-ready:
	@PYTHON='$(PYTHON)' sh config/development/install.sh

run: .venv-ready
	@exec .venv/bin/python -m config.development.run --stop-with-parent $(ARGS)

checkout: .venv-ready
	@exec .venv/bin/python -m config.development.checkout $(ARGS)

manage: .venv-ready
	@exec .venv/bin/python -m config.development.manage $(ARGS)

# Bytecode is kept, whatever the environment says: a hundred processes need not compile the same modules each.
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
