#!/bin/sh
# Checks the signature of a delivery that was kept: its body in a file, and three of its headers.
#
#   sh verify.sh body.json "$WEBHOOK_ID" "$WEBHOOK_TIMESTAMP" "$WEBHOOK_SIGNATURE"
set -eu
: "${SIGNING_SECRET:?}"   # whsec_…
body=$1 id=$2 timestamp=$3 signatures=$4

key=$(printf %s "${SIGNING_SECRET#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
ours=v1,$({ printf '%s.%s.' "$id" "$timestamp"; cat "$body"; } |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)
# While a secret is being replaced there are two signatures, and one that is right is enough.
for signature in $signatures; do
  [ "$signature" = "$ours" ] && echo 'It is signed by Waypost.' && exit
done
echo 'It is NOT signed with this secret.' >&2
exit 1
