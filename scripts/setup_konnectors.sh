#!/usr/bin/env bash
# Builds the demo konnector, and the base of the test konnectors, from the lock.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v npm >/dev/null; then
    echo "error: npm is missing, so the demo konnector can not be built" >&2
    echo "hint: install Node.js 20 or newer (Debian: apt-get install npm)" >&2
    exit 1
fi

konnector=demo/konnector
# cozy-clisk asks for cozy-client beside it. Only its launcher half, which runs
# in Cozy's own app and is not part of a bundle, uses that: legacy-peer-deps.
npm ci --prefix "$konnector" --legacy-peer-deps --ignore-scripts \
    --no-audit --no-fund --loglevel=error

bundle() {
    NODE_PATH="$konnector/node_modules" "$konnector/node_modules/.bin/esbuild" "$1" \
        --bundle --format=iife --platform=browser --define:global=window \
        --log-level=warning --outfile="$2"
}
# Pages of real libraries, which autofill and a konnector are tried on.
pages=tests/pages
npm ci --prefix "$pages" --ignore-scripts --no-audit --no-fund --loglevel=error
page() {
    NODE_PATH="$pages/node_modules" "$konnector/node_modules/.bin/esbuild" "$1" \
        --bundle --format=iife --minify --jsx=automatic --log-level=warning \
        --define:process.env.NODE_ENV='"production"' --outfile="$2"
}
page "$pages/react.jsx" "$pages/react.bundle.js"
page "$pages/material.js" "$pages/material.bundle.js"
cp "$pages/react.bundle.js" tests/konnectors/telecom/mock/login.telecom.example/app.js

bundle "$konnector/index.js" "$konnector/main.js"
bundle tests/runner/konnectors.js tests/runner/konnectors.bundle.js
for source in tests/konnectors/*/index.js; do
    bundle "$source" "${source%/index.js}/main.js"
done
