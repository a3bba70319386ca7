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
  printf 'CREATE ROLE interval LOGIN\nCREATE DATABASE interval OWNER interval\n' |
    postgres --single -D "$data.new" postgres >/dev/null
  # Only whole: a start that was interrupted begins anew.
  mv "$data.new" "$data"
fi

# In single-user mode, in which nobody can connect yet.
echo "ALTER ROLE interval PASSWORD '$password'" | postgres --single -D "$data" postgres >/dev/null
exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp -c log_statement=none
