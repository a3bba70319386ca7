#!/bin/sh
# Healthy when it speaks TLS and redirects to it; whether the gateway is ready is asked there.
set -eu
status=$(curl --silent --output /dev/null --max-time 4 --write-out '%{http_code}' "http://127.0.0.1:${PROXY_HTTP_PORT:-8080}/")
[ "$status" = 301 ]
