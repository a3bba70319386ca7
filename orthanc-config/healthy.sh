#!/bin/sh
# Healthy when the REST interface answers; it asks for a password, and that answer is enough.
set -eu
status=$(curl --silent --output /dev/null --max-time 4 --write-out '%{http_code}' "http://127.0.0.1:${ORTHANC_HTTP_PORT:-8042}/system")
[ "$status" = 401 ]
