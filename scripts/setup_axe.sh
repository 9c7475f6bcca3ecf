#!/usr/bin/env bash
# axe-core, which checks in tests that everybody can use the dashboard's pages.
set -euo pipefail
cd "$(dirname "$0")/../tests/dashboard/axe"

if ! command -v npm >/dev/null; then
    echo "error: npm is missing, so the dashboard's pages can not be checked" >&2
    echo "hint: install Node.js 20 or newer (Debian: apt-get install npm)" >&2
    exit 1
fi
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
