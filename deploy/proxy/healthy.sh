#!/bin/sh
# Healthy when it answers; whether what is behind it is ready is asked there.
#
#   healthy.sh             the proxy for browsers speaks HTTP, to send on to HTTPS
#   healthy.sh workers     the one for workers speaks TLS alone, and its certificate does not name 127.0.0.1
set -eu
case ${1:-} in
  workers) address=https://127.0.0.1:${PROXY_HTTPS_PORT:-8443}/ expected=404 ;;
  *) address=http://127.0.0.1:${PROXY_HTTP_PORT:-8080}/ expected=301 ;;
esac
status=$(curl --silent --insecure --output /dev/null --max-time 4 --write-out '%{http_code}' "$address")
[ "$status" = "$expected" ]
