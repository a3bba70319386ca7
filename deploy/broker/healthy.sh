#!/bin/sh
set -eu
[ "$(REDISCLI_AUTH=$(cat /run/secrets/broker-password) redis-cli ping)" = PONG ]
