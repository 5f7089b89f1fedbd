#!/bin/sh
# Creates .venv, and installs the pinned requirements if they have changed. Run it in the root folder of the clone.
# PYTHON selects the interpreter. The default is the first python3 or python3.x on the PATH that is new enough.
set -u

VENV=.venv
STAMP=$VENV/requirements.stamp
LOG=$VENV/install.log
MIN_VERSION=3.11

fail() {
    printf '✗ %s\n' "$*" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

version_of() {
    "$1" -c 'import platform; print(platform.python_version())' 2>/dev/null || echo 'of an unknown version'
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON" >/dev/null 2>&1 || fail "PYTHON=$PYTHON: there is no such command."
        new_enough "$PYTHON" ||
            fail "PYTHON=$PYTHON is Python $(version_of "$PYTHON"); the shop needs $MIN_VERSION or newer."
        return
    fi
    for PYTHON in python3 python3.11 python3.12 python3.13 python3.14 python; do
        command -v "$PYTHON" >/dev/null 2>&1 && new_enough "$PYTHON" && return
    done
    found=""
    command -v python3 >/dev/null 2>&1 && found=" (python3 is $(version_of python3))"
    fail "No Python $MIN_VERSION or newer on the PATH$found. Install one, or set PYTHON: make run PYTHON=/path/to/python3.12"
}

make_venv() {
    "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$PYTHON has no venv module. On Debian and Ubuntu: apt install python3-venv"
    echo "Creating $VENV with Python $(version_of "$PYTHON")"
    output=$("$PYTHON" -m venv --clear "$VENV" 2>&1) ||
        fail "$VENV cannot be created: $(printf '%s\n' "$output" | tail -n 1)"
}

fingerprint() {
    cat requirements.txt requirements-dev.txt | cksum
    "$VENV/bin/python" -V
}

show_progress() { # reads the output of pip in $LOG
    if grep -q '^Installing collected packages' "$LOG"; then
        doing=installing
        count=$(find "$VENV"/lib/*/site-packages -maxdepth 1 -name '*.dist-info' | wc -l | tr -d ' ')
    else
        doing=downloading
        count=$(grep -c -E '^(Collecting|Requirement already)' "$LOG")
    fi
    # pip also counts itself, and lists some packages twice.
    [ "$count" -le "$total" ] || count=$total
    text="$doing, $count of about $total"
    if [ -t 1 ]; then
        printf '\r\033[K  … %s s, %s' "$seconds" "$text"
    else
        printf '  … %s s, %s\n' "$seconds" "$text"
    fi
}

explain_failure() {
    if grep -q -i -E 'Failed to establish|NewConnectionError|NameResolutionError|name resolution|Connection refused|timed out|ProxyError|SSLError' "$LOG"; then
        fail "The package index cannot be reached; check the network or PIP_INDEX_URL. Full output of pip: $LOG"
    fi
    echo "The last lines of pip:" >&2
    grep -v '^WARNING' "$LOG" | tail -n 8 | cut -c 1-200 | sed 's/^/    /' >&2
    fail "The requirements could not be installed. Full output of pip: $LOG"
}

install_requirements() {
    total=$(sed -n 's/==.*//p' requirements.txt requirements-dev.txt | sort -u | wc -l | tr -d ' ')
    echo "Installing the requirements (one or two minutes the first time)"
    "$VENV/bin/python" -m pip install --disable-pip-version-check --no-input --no-color --progress-bar off \
        --retries 1 --timeout 15 -r requirements.txt -r requirements-dev.txt >"$LOG" 2>&1 &
    pip=$!
    trap 'kill "$pip" 2>/dev/null; wait "$pip" 2>/dev/null; exit 130' INT TERM HUP
    seconds=0
    while kill -0 "$pip" 2>/dev/null; do
        sleep 1
        seconds=$((seconds + 1))
        if [ -t 1 ] || [ $((seconds % 2)) -eq 0 ]; then
            show_progress
        fi
    done
    [ -t 1 ] && printf '\r\033[K'
    wait "$pip" || explain_failure
    trap - INT TERM HUP
    echo "  ✓ installed in $seconds s"
}

if [ ! -x "$VENV/bin/python" ] || ! new_enough "$VENV/bin/python"; then
    find_python
    make_venv
fi
if [ "$(fingerprint)" != "$(cat "$STAMP" 2>/dev/null)" ]; then
    [ -w "$VENV" ] || fail "$VENV belongs to another user; remove it, or use another clone."
    install_requirements
    fingerprint >"$STAMP"
fi
