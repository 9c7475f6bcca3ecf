#!/usr/bin/env bash
# A C compiler, for the tests in which the disk fails (tests/vault/faults).
set -euo pipefail

works() { echo 'int main(void) { return 0; }' | cc -x c -include stdio.h -o /dev/null - 2>/dev/null; }

if works; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends gcc libc6-dev
    exit 0
fi
echo "error: a C compiler is missing" >&2
echo "hint: install one (Debian: apt-get install gcc libc6-dev)" >&2
exit 1
