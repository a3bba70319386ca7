#!/bin/sh
# Starts the proxy with what belongs to this site:
#
#   PROXY_CERTIFICATE, PROXY_KEY     PEM files          (/run/secrets/https-certificate, /run/secrets/https-key)
#   PROXY_GATEWAY                    host and port      (gateway-api:8080)
#   PROXY_HTTPS_PORT, PROXY_HTTP_PORT                   (8443, 8080)
#   PROXY_STATE                      a writable folder  (/tmp/proxy)
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
state=${PROXY_STATE:-/tmp/proxy}
mkdir -p "$state"
sed -e "s|{{STATE}}|$state|g" \
    -e "s|{{CERTIFICATE}}|${PROXY_CERTIFICATE:-/run/secrets/https-certificate}|g" \
    -e "s|{{KEY}}|${PROXY_KEY:-/run/secrets/https-key}|g" \
    -e "s|{{GATEWAY}}|${PROXY_GATEWAY:-gateway-api:8080}|g" \
    -e "s|{{HTTPS_PORT}}|${PROXY_HTTPS_PORT:-8443}|g" \
    -e "s|{{HTTP_PORT}}|${PROXY_HTTP_PORT:-8080}|g" \
    "$here/nginx.conf" > "$state/nginx.conf"
exec nginx -c "$state/nginx.conf" -e stderr
