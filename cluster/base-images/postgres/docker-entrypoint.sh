#!/bin/bash
# Makes the database on the first start, as POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, POSTGRES_INITDB_ARGS and
# POSTGRES_HOST_AUTH_METHOD say (each may come from a file, VARIABLE_FILE), and then becomes the server.
set -euo pipefail

fail() { echo "postgres: $*" >&2; exit 1; }

# from_file VARIABLE: its value, or the content of the file that VARIABLE_FILE names
from_file() {
    local file="$1_FILE"
    [ -z "${!1:-}" ] || [ -z "${!file:-}" ] || fail "$1 and $file are both set"
    if [ -n "${!file:-}" ]; then export "$1=$(<"${!file}")"; unset "$file"; fi
}

create_cluster() {
    local method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
        fail "the database is empty and POSTGRES_PASSWORD is not set (POSTGRES_HOST_AUTH_METHOD=trust needs none)"
    fi
    local arguments=()
    read -ra arguments <<<"${POSTGRES_INITDB_ARGS:-}"
    if [ -n "${POSTGRES_PASSWORD:-}" ]; then # handed over by a pipe: no file, no argument holds it
        exec {password}<<<"$POSTGRES_PASSWORD"
        arguments+=("--pwfile=/dev/fd/$password")
    fi
    initdb --username="$POSTGRES_USER" --auth-local=trust --auth-host=scram-sha-256 "${arguments[@]}"
    [ -z "${password:-}" ] || exec {password}<&-
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
}

query() { psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" "$@"; }

run_scripts() {
    local script
    for script in /docker-entrypoint-initdb.d/*; do
        case $script in
            *.sh) if [ -x "$script" ]; then "$script"; else . "$script"; fi ;;
            *.sql) query --dbname "$POSTGRES_DB" --file "$script" ;;
            *.sql.gz) gunzip -c "$script" | query --dbname "$POSTGRES_DB" ;;
        esac
    done
}

# What is made on the first start is made through the local socket only: nobody may connect to half a database.
fill_cluster() {
    pg_ctl --silent --wait --options="-c listen_addresses=''" start
    if [ "$POSTGRES_DB" != postgres ]; then
        query --dbname postgres --set name="$POSTGRES_DB" <<<'CREATE DATABASE :"name";'
    fi
    run_scripts
    pg_ctl --silent --wait --mode=fast stop
}

[ "${1#-}" = "${1:-}" ] || set -- postgres "$@"
[ "${1:-}" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /var/run/postgresql
    find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres {} +
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

for variable in POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB; do from_file "$variable"; done
export POSTGRES_USER=${POSTGRES_USER:-postgres}
export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}
mkdir -p "$PGDATA"
chmod 0700 "$PGDATA" 2>/dev/null || true # a mounted folder may belong to somebody else; the server has its own rules
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    create_cluster
    fill_cluster
fi
exec "$@"
