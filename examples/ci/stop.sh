#!/bin/sh
# Ends the Waypost that start.sh started, and removes its data. waypost.log stays.
set -eu
pid=$(cat waypost.pid)
kill "$pid"
while kill -0 "$pid" 2> /dev/null; do sleep 0.1; done
rm -r waypost-data waypost.pid waypost-key.json ready.json destination.json subscription.json
