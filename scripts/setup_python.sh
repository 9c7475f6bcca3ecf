#!/usr/bin/env bash
# Makes .venv from the lock: exact versions, each checked against its hash.
set -euo pipefail
cd "$(dirname "$0")/.."

python="${PYTHON:-python3}"
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "error: $python is older than Python 3.11" >&2
    echo "hint: make setup PYTHON=/path/to/python3.11" >&2
    exit 1
fi

# Debian ships venv apart from Python.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
            "python$version-venv"
    else
        echo "error: this Python has no venv module" >&2
        echo "hint: install it (Debian: apt-get install python3-venv)" >&2
        exit 1
    fi
fi

"$python" -m venv .venv
.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes \
    -r requirements.lock
# The lock holds the build backend too, so nothing unpinned is fetched here.
.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps \
    --no-build-isolation --editable .
