#!/bin/sh
# Redis with its append-only file: without it a killed Redis forgets its queues.
set -eu
umask 077
password=$(cat /run/secrets/broker-password)
cat > /tmp/redis.conf <<CONF
requirepass $password
appendonly yes
appendfsync everysec
save ""
dir /data
CONF
exec redis-server /tmp/redis.conf
