#!/bin/sh
# Gives a destination a new endpoint, if nobody has changed it since it was read. Needs an engineer's key.
set -eu
: "${WAYPOST_URL:?}" "${DESTINATION_ID:?}" "${NEW_ENDPOINT:?}"
token=$(sh "$(dirname "$0")/token.sh")
url=$WAYPOST_URL/platform/v1/destinations/$DESTINATION_ID

etag=$(curl --silent --show-error --fail-with-body --output /dev/null --dump-header - \
  --header "Authorization: Bearer $token" "$url" | tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p')
# 412 means that somebody was faster: read it again, and decide anew.
curl --silent --show-error --fail-with-body "$url" --request PATCH \
  --header "Authorization: Bearer $token" \
  --header 'Content-Type: application/json' \
  --header "If-Match: $etag" \
  --data "{\"endpoint\": \"$NEW_ENDPOINT\"}"
echo
