#!/usr/bin/env bash
# Installs Xvfb, a screen that nobody sees, for the tests of what needs a window.
set -euo pipefail

if command -v Xvfb >/dev/null; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends xvfb
else
    echo "note: no Xvfb here; the tests that need a screen will fail" >&2
    echo "hint: install it (Debian: apt-get install xvfb)" >&2
fi
