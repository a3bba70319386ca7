#!/bin/sh
exec pg_isready --quiet --host=/tmp --username=postgres
