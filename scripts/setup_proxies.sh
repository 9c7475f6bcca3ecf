#!/usr/bin/env bash
# Unpacks nginx and Caddy from Debian's packages, for the tests of docs/relay.md. They are
# not installed: an installed one would start, and listen.
set -euo pipefail
cd "$(dirname "$0")/.."

folder="$PWD/.venv/proxies"
if [ -x "$folder/usr/sbin/nginx" ] && [ -x "$folder/usr/bin/caddy" ]; then
    exit 0
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "note: no nginx and no Caddy here; the tests of proxies will fail" >&2
    echo "hint: put the programs into .venv/proxies/usr/sbin and usr/bin" >&2
    exit 0
fi
[ "$(id -u)" != 0 ] || apt-get update -q
mkdir -p "$folder"
cd "$folder"
apt-get download -q nginx caddy
for package in *.deb; do
    dpkg-deb -x "$package" .
    rm "$package"
done
