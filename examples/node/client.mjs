// Waypost from Node (18 or newer), without packages: get a token, send a message, change a destination.
//
//   export WAYPOST_URL=http://127.0.0.1:8080 CLIENT_ID=… PRIVATE_KEY=private.pem KEY_ID=key-1
//   node client.mjs send DESTINATION_ID
//   node client.mjs change DESTINATION_ID NEW_ENDPOINT

import { randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";

const { WAYPOST_URL = "http://127.0.0.1:8080", CLIENT_ID, PRIVATE_KEY = "private.pem", KEY_ID = "key-1" } = process.env;

/** A token that holds for five minutes. Keep it that long: each one costs a signature. */
async function accessToken() {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: CLIENT_ID, sub: CLIENT_ID, aud: `${WAYPOST_URL}/v2/auth/token`, iat: now, exp: now + 300, jti: randomUUID(),
  };
  const text = [{ alg: "RS384", kid: KEY_ID }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = sign("RSA-SHA384", Buffer.from(text), readFileSync(PRIVATE_KEY)).toString("base64url");
  const answer = await fetch(`${WAYPOST_URL}/v2/auth/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: `${text}.${signature}`,
    }),
  });
  return (await checked(answer)).access_token;
}

async function call(token, method, path, body, headers = {}) {
  return fetch(WAYPOST_URL + path, {
    method,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", ...headers },
    body: body && JSON.stringify(body),
  });
}

async function checked(answer) {
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Send a message; the id of its log. It is on disk then, not yet delivered. */
async function send(token, destinationId) {
  const message = {
    Meta: {
      DataModel: "PatientAdmin",
      EventType: "NewPatient",
      EventDateTime: new Date().toISOString(),
      Test: true,
      Destinations: [{ ID: destinationId }],
    },
    Patient: { Identifiers: [{ ID: "0000000001", IDType: "MR" }] },
  };
  // The same key for the same message: if you have to send it again, no second message comes of it.
  const answer = await call(token, "POST", "/endpoint", message, { "Idempotency-Key": randomUUID() });
  return (await checked(answer)).Meta.Logs[0].ID;
}

/** Give a destination a new endpoint. Whoever changes it between our GET and our PATCH is not overwritten. */
async function change(token, destinationId, endpoint) {
  const path = `/platform/v1/destinations/${destinationId}`;
  for (;;) {
    const read = await call(token, "GET", path);
    await checked(read);
    const answer = await call(token, "PATCH", path, { endpoint }, { "If-Match": read.headers.get("etag") });
    if (answer.status !== 412) return (await checked(answer)).payload.destination;
  }
}

const [verb, ...rest] = process.argv.slice(2);
console.log(await { send, change }[verb](await accessToken(), ...rest));
