#!/bin/sh
# Deletes .venv, .data and all caches. Does nothing while the shop or its database runs.
set -u

pid=$(sed -n 's/^{"pid": \([0-9]*\).*/\1/p' .data/run.lock 2>/dev/null)
if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then
    echo "✗ The shop runs here (process $pid). Stop it first." >&2
    exit 1
fi
if [ -f .data/postgres/postmaster.pid ] && kill -0 "$(head -n 1 .data/postgres/postmaster.pid)" 2>/dev/null; then
    echo "✗ The database in .data runs, because a test or a command still uses it." >&2
    exit 1
fi
rm -rf .venv .data .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
find . -name __pycache__ -type d -prune -exec rm -rf {} +
