// BullMQ on Redis. `node bullmq.mjs produce` obeys; `node bullmq.mjs work` works, with the options its documents
// recommend for production: no retry limit on the worker's connection, jobs removed when they are done.

import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'

import { poster } from './post.mjs'
import { now, numbered, obey, pace } from './protocol.mjs'

const NAME = 'peer'
const AT_ONCE = 500
const CONCURRENCY = 100
const OPTIONS = {
  attempts: 10, backoff: { type: 'exponential', delay: 1000 }, removeOnComplete: true, removeOnFail: false,
}

const connection = new Redis(process.env.PEER_STORE, { maxRetriesPerRequest: null })

if (process.argv[2] === 'work') {
  const post = poster(CONCURRENCY)
  const worker = new Worker(NAME, async (job) => post(job.data.body), { connection, concurrency: CONCURRENCY })
  worker.on('error', (error) => console.error(String(error)))
} else {
  const queue = new Queue(NAME, { connection, defaultJobOptions: OPTIONS })
  await obey({
    async enqueue({ body, count }) {
      const jobs = Array.from({ length: count }, (_, number) => ({ name: 'm', data: { body: numbered(body, number) } }))
      const began = now()
      for (let start = 0; start < count; start += AT_ONCE) await queue.addBulk(jobs.slice(start, start + AT_ONCE))
      return { done: count, seconds: now() - began }
    },
    pace: (params) => pace(params, (body) => queue.add('m', { body })),
    async left() {
      const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized', 'paused')
      return Object.values(counts).reduce((sum, count) => sum + count, 0)
    },
    clear: () => connection.flushall(),
  })
}
