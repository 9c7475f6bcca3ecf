#!/usr/bin/env bash
# Go and Debian's source of golang.org/x/mod, for the checks in protocol/conformance.
set -euo pipefail

path="${GOPATH:-/usr/share/gocode}"
if command -v go >/dev/null && [ -d "$path/src/golang.org/x/mod/sumdb/tlog" ]; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        golang-go golang-golang-x-mod-dev
    exit 0
fi
echo "error: Go, or the source of golang.org/x/mod, is missing" >&2
echo "hint: install it (Debian: apt-get install golang-go golang-golang-x-mod-dev)" >&2
echo "hint: elsewhere, set GOPATH to a folder whose src has golang.org/x/mod" >&2
exit 1
