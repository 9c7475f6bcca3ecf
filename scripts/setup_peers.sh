#!/usr/bin/env bash
# Installs the programs of others that the tests exchange files with, pinned.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v keepassxc-cli >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
            keepassxc
    else
        echo "note: no keepassxc-cli here; the tests that need it will fail" >&2
        echo "hint: install it (Debian: apt-get install keepassxc)" >&2
    fi
fi
if ! command -v ssh-keygen >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        openssh-client
fi
if ! command -v dbus-daemon >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        dbus-daemon
fi
# Shells that complete.
if ! (command -v fish && command -v zsh) >/dev/null && [ "$(id -u)" = 0 ] &&
    command -v apt-get >/dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        fish zsh
fi
# Reads the man pages, and says what is wrong with them.
if ! command -v groff >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        groff-base
fi
# It says that it wants Node 22, and runs on 20 too.
npm ci --prefix tests/peers --ignore-scripts --no-audit --no-fund --loglevel=error
