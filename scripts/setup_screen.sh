#!/usr/bin/env bash
# Installs Xvfb, a screen that nobody sees, and two programs for its clipboard, for the
# tests of what needs a window or a clipboard.
set -euo pipefail

if command -v Xvfb >/dev/null && command -v xclip >/dev/null && command -v xsel >/dev/null; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        xvfb xclip xsel
else
    echo "note: no Xvfb, xclip or xsel here; the tests that need a screen will fail" >&2
    echo "hint: install it (Debian: apt-get install xvfb xclip xsel)" >&2
fi
