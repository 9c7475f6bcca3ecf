#!/usr/bin/env bash
# Installs PostgreSQL for the relay's tests, which start a cluster of their own.
set -euo pipefail

if compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null ||
    command -v initdb >/dev/null; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # The package would make a cluster and start it; nobody needs that one.
    mkdir -p /etc/postgresql-common
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    fi
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        postgresql
else
    echo "note: no PostgreSQL here; the tests that need it will fail" >&2
    echo "hint: install it (Debian: apt-get install postgresql)" >&2
fi
