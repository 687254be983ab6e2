#!/bin/sh
# Makes an RSA key pair for a client: keeps the private half in a file, prints the public half as a JWK set.
#
#   sh make-key.sh private.pem > jwks.json
set -eu
file=${1:-private.pem} kid=${2:-key-1}

umask 077
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$file" 2> /dev/null
# Of a key of 2048 bits in DER, the modulus is the 256 bytes behind the first nine; AQAB is the usual exponent.
n=$(openssl rsa -in "$file" -RSAPublicKey_out -outform DER 2> /dev/null | tail -c +10 | head -c 256 |
  openssl base64 -A | tr '+/' '-_' | tr -d '=')
printf '{"keys": [{"kty": "RSA", "kid": "%s", "alg": "RS384", "use": "sig", "n": "%s", "e": "AQAB"}]}\n' "$kid" "$n"
