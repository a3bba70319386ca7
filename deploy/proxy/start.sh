#!/bin/sh
# Starts a proxy with what belongs to this site:
#
#   start.sh             before the gateway, for browsers
#   start.sh workers     before the research archive and the broker, for workers on other machines
#
#   PROXY_CERTIFICATE, PROXY_KEY     PEM files          (/run/secrets/https-certificate, /run/secrets/https-key)
#   PROXY_GATEWAY                    host and port      (gateway-api:8080)
#   PROXY_ARCHIVE, PROXY_BROKER      the same           (orthanc-research:8042, broker:6379)
#   PROXY_HTTPS_PORT, PROXY_HTTP_PORT, PROXY_BROKER_PORT (8443, 8080, 6380)
#   PROXY_STATE                      a writable folder  (/tmp/proxy)
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
state=${PROXY_STATE:-/tmp/proxy}
mkdir -p "$state"
case ${1:-} in workers) configuration=workers.conf ;; *) configuration=nginx.conf ;; esac
sed -e "s|{{STATE}}|$state|g" \
    -e "s|{{CERTIFICATE}}|${PROXY_CERTIFICATE:-/run/secrets/https-certificate}|g" \
    -e "s|{{KEY}}|${PROXY_KEY:-/run/secrets/https-key}|g" \
    -e "s|{{GATEWAY}}|${PROXY_GATEWAY:-gateway-api:8080}|g" \
    -e "s|{{HTTPS_PORT}}|${PROXY_HTTPS_PORT:-8443}|g" \
    -e "s|{{HTTP_PORT}}|${PROXY_HTTP_PORT:-8080}|g" \
    -e "s|{{ARCHIVE}}|${PROXY_ARCHIVE:-orthanc-research:8042}|g" \
    -e "s|{{BROKER}}|${PROXY_BROKER:-broker:6379}|g" \
    -e "s|{{BROKER_PORT}}|${PROXY_BROKER_PORT:-6380}|g" \
    "$here/$configuration" > "$state/nginx.conf"
exec nginx -c "$state/nginx.conf" -e stderr
