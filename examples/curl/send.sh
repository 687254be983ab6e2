#!/bin/sh
# Sends a message to a destination. 200 means that it is on disk, not yet that it is delivered.
set -eu
: "${WAYPOST_URL:?}" "${DESTINATION_ID:?}"
here=$(dirname "$0")

# The same key for the same message: if you have to send it again, no second message comes of it.
curl --silent --show-error --fail-with-body "$WAYPOST_URL/endpoint" \
  --header "Authorization: Bearer $(sh "$here/token.sh")" \
  --header 'Content-Type: application/json' \
  --header "Idempotency-Key: ${IDEMPOTENCY_KEY:-$(openssl rand -hex 16)}" \
  --data "{
    \"Meta\": {
      \"DataModel\": \"PatientAdmin\", \"EventType\": \"NewPatient\", \"Test\": true,
      \"EventDateTime\": \"$(date -u +%Y-%m-%dT%H:%M:%S.000Z)\",
      \"Destinations\": [{\"ID\": \"$DESTINATION_ID\"}]
    },
    \"Patient\": {\"Identifiers\": [{\"ID\": \"0000000001\", \"IDType\": \"MR\"}]}
  }"
echo
