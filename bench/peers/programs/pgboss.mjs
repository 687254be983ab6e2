// pg-boss on PostgreSQL. `node pgboss.mjs produce` obeys; `node pgboss.mjs work` works: batches of 500, looked for
// every half second, which is as often as it takes.

import PgBoss from 'pg-boss'

import { poster } from './post.mjs'
import { now, numbered, obey, pace } from './protocol.mjs'

const NAME = 'peer'
const AT_ONCE = 500
const CONNECTIONS = 50

const boss = new PgBoss(process.env.PEER_STORE)
boss.on('error', (error) => console.error(String(error)))
await boss.start()
await boss.createQueue(NAME, { name: NAME, retryLimit: 10, retryBackoff: true })

if (process.argv[2] === 'work') {
  const post = poster(CONNECTIONS)
  await boss.work(NAME, { batchSize: AT_ONCE, pollingIntervalSeconds: 0.5 }, async (jobs) => {
    await Promise.all(jobs.map((job) => post(job.data.body)))
  })
} else {
  await obey({
    async enqueue({ body, count }) {
      const jobs = Array.from({ length: count }, (_, number) => ({ name: NAME, data: { body: numbered(body, number) } }))
      const began = now()
      for (let start = 0; start < count; start += AT_ONCE) await boss.insert(jobs.slice(start, start + AT_ONCE))
      return { done: count, seconds: now() - began }
    },
    pace: (params) => pace(params, (body) => boss.send(NAME, { body })),
    left: () => boss.getQueueSize(NAME, { before: 'completed' }),
    clear: () => boss.clearStorage(),
  })
}
