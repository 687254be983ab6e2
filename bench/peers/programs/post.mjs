// Posts a message to the sink over kept connections.

import { Pool } from 'undici'

export function poster(connections) {
  const sink = new URL(process.env.PEER_SINK)
  const pool = new Pool(sink.origin, { connections })
  return async (body) => {
    const answer = await pool.request({
      path: sink.pathname, method: 'POST', body, headers: { 'content-type': 'application/json' },
    })
    await answer.body.dump()
    if (answer.statusCode >= 300) throw new Error(`answered ${answer.statusCode}`)
  }
}
