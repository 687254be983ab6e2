#!/bin/sh
# Starts a Waypost for integration tests in the working directory, with ids that are the same in every run.
#
# Wants `waypost` on the path, and `jwks.json`, the public key that your client signs for (../make-key.sh makes one).
# Your receiver is at RECEIVER_URL. stop.sh ends it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
port=${WAYPOST_PORT:-8080}
environment=3f0a7f0e-4a0c-4b6e-9a55-0f6f4c1c2d10
destination=497f6eca-6276-4993-bfeb-53cbbbba6f08
client=0c8f3c5e-1a51-4f4e-9a0e-6a2f3a1b7c22

export WAYPOST_DATA="$PWD/waypost-data" WAYPOST_BASE_URL="http://127.0.0.1:$port"
export WAYPOST_ALLOWED_NETWORKS=127.0.0.0/8   # the receiver is on this machine
export WAYPOST_RETRY_SCHEDULE=0,1             # a test does not wait two minutes for a retry

printf '{"apikeys": [{"clientId": "%s", "environment": "%s", "name": "Tests", "jwkSet": %s}]}' \
  "$client" "$environment" "$(cat jwks.json)" > waypost-key.json
waypost init --from "$here/ids.json" --from waypost-key.json
waypost serve --port "$port" > waypost.log 2>&1 &
echo $! > waypost.pid
until curl --silent --fail "$WAYPOST_BASE_URL/health/ready" > ready.json; do
  kill -0 $! || { cat waypost.log; exit 1; }
  sleep 0.2
done

# What no document fixes: where messages come from, and where they go.
token=$(waypost token)
post() {
  curl --silent --show-error --fail-with-body --header "Authorization: Bearer $token" \
    --header 'Content-Type: application/json' --data "$2" "$WAYPOST_BASE_URL/platform/v1/environments/$environment/$1"
}
post destinations "{
  \"id\": \"$destination\", \"name\": \"Ward\",
  \"endpoint\": \"${RECEIVER_URL:-http://127.0.0.1:9000/redox}\", \"verificationToken\": \"a-token\"
}" > destination.json
source=$(post sources '{"name": "Tests"}' | sed 's/.*"source": *{"id": *"\([^"]*\)".*/\1/')
post subscriptions "{
  \"source\": {\"id\": \"$source\"}, \"destination\": {\"id\": \"$destination\"}, \"dataModel\": \"PatientAdmin\"
}" > subscription.json
echo "Waypost is at $WAYPOST_BASE_URL: client $client, destination $destination"
