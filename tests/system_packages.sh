#!/bin/sh
# What some tests need beside Python: a browser for the studio's, a PostgreSQL server for the store's.
# Installed where this is Debian and we may; elsewhere those tests are skipped, and say why.
set -u
wanted=""
command -v chromium >/dev/null || wanted="$wanted chromium"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || wanted="$wanted postgresql"
[ -n "$wanted" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed:$wanted; the tests that need them are skipped" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
{ apt-get -qq update && apt-get -qq install -y --no-install-recommends $wanted; } >/dev/null 2>&1 ||
    echo "could not install:$wanted; the tests that need them are skipped" >&2
