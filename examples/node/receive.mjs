// A receiver of deliveries, without packages: answers the handshake, checks token and signature, knows repeats.
//
//   export VERIFICATION_TOKEN=… SIGNING_SECRET=whsec_…
//   node receive.mjs 9000
//
// Put something that speaks TLS in front of it.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const { VERIFICATION_TOKEN, SIGNING_SECRET } = process.env;
const KEY = Buffer.from(SIGNING_SECRET.slice("whsec_".length), "base64");
const OLDEST_SECONDS = 300;

// Ids of logs that were taken. They belong into your database, in the transaction of the message's effect.
const seen = new Set();

/** Compare without telling by the time it takes how much of it was right. */
function same(ours, theirs) {
  const [a, b] = [Buffer.from(ours), Buffer.from(theirs ?? "")];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Whether one of the signatures is by our secret, over these very bytes, and not old. */
function isSigned(headers, body) {
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures = "" } = headers;
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= OLDEST_SECONDS)) return false;
  const ours = "v1," + createHmac("sha256", KEY).update(`${id}.${timestamp}.`).update(body).digest("base64");
  return signatures.split(" ").some((theirs) => same(ours, theirs));
}

/** Give the challenge back to whoever knows the token. */
function handshake({ "verification-token": token, challenge = "" }) {
  return same(VERIFICATION_TOKEN, token) ? [200, challenge] : [401, ""];
}

function take(headers, body) {
  const message = JSON.parse(body);
  if ("challenge" in message) return handshake(message);
  if (!same(VERIFICATION_TOKEN, headers["verification-token"]) || !isSigned(headers, body)) {
    return [401, "not from Waypost, or not for us"];
  }
  const id = message.Meta.Logs[0].ID;
  console.log(seen.has(id) ? "seen before" : "taken", id);
  seen.add(id);
  return [200, ""]; // for a repeat, too: anything else would hold the queue
}

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const query = new URL(request.url, "http://localhost").searchParams;
  const isGet = request.method === "GET";
  const [status, text] = isGet ? handshake(Object.fromEntries(query)) : take(request.headers, Buffer.concat(chunks));
  response.writeHead(status, { "Content-Type": "text/plain" }).end(text);
}).listen(Number(process.argv[2]), "127.0.0.1");
