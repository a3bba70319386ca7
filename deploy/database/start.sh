#!/bin/sh
# Makes the database at the first start, and gives its account the password of the secret at every start.
set -eu
umask 077
data=/var/lib/interval-database/15
password=$(cat /run/secrets/database-password)
case $password in *[!A-Za-z0-9_.-]*)
  echo "database: its password may hold letters, digits and _ . - only" >&2
  exit 2 ;;
esac

if [ ! -s "$data/PG_VERSION" ]; then
  rm -rf "$data.new"
  initdb --pgdata="$data.new" --username=postgres --encoding=UTF8 --locale=C.UTF-8 --data-checksums \
    --auth-local=peer --auth-host=scram-sha-256 >/dev/null
  # The operating system's account of this container may be the superuser and nobody else; the network needs a password.
  cat > "$data.new/pg_hba.conf" <<HBA
local all      all           peer map=own
host  interval interval all  scram-sha-256
HBA
  echo "own $(id -un) postgres" > "$data.new/pg_ident.conf"
  # Only whole: a start that was interrupted begins anew.
  mv "$data.new" "$data"
fi

# In single-user mode nobody can connect yet.
exists=$(echo "SELECT 'there' FROM pg_roles WHERE rolname = 'interval'" | postgres --single -D "$data" postgres)
if ! echo "$exists" | grep -q there; then
  echo "CREATE ROLE interval LOGIN" | postgres --single -D "$data" postgres >/dev/null
fi
echo "ALTER ROLE interval PASSWORD '$password'" | postgres --single -D "$data" postgres >/dev/null
exists=$(echo "SELECT 'there' FROM pg_database WHERE datname = 'interval'" | postgres --single -D "$data" postgres)
if ! echo "$exists" | grep -q there; then
  echo "CREATE DATABASE interval OWNER interval" | postgres --single -D "$data" postgres >/dev/null
fi

exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp -c log_statement=none
