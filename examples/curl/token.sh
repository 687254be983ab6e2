#!/bin/sh
# Prints an access token, which holds for five minutes: a signed assertion is exchanged for it.
set -eu
: "${WAYPOST_URL:?}" "${CLIENT_ID:?}"

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

now=$(date +%s)
header=$(printf '{"alg": "RS384", "kid": "%s"}' "${KEY_ID:-key-1}" | base64url)
# An assertion is used once: `jti` is new each time. `aud` is the address that it is sent to.
claims=$(printf '{"iss": "%s", "sub": "%s", "aud": "%s", "iat": %d, "exp": %d, "jti": "%s"}' \
  "$CLIENT_ID" "$CLIENT_ID" "$WAYPOST_URL/v2/auth/token" "$now" "$((now + 300))" "$(openssl rand -hex 16)" | base64url)
signature=$(printf '%s.%s' "$header" "$claims" |
  openssl dgst -sha384 -sign "${PRIVATE_KEY:-private.pem}" -binary | base64url)

answer=$(curl --silent --show-error --fail-with-body "$WAYPOST_URL/v2/auth/token" \
  --data grant_type=client_credentials \
  --data client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \
  --data "client_assertion=$header.$claims.$signature")
printf '%s\n' "$answer" | sed -n 's/.*"access_token": *"\([^"]*\)".*/\1/p'
