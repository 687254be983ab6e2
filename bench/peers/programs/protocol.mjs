// How a producer on Node is told what to do: a JSON line in, a JSON line out, one command at a time.

import readline from 'node:readline'

const say = (what) => process.stdout.write(JSON.stringify(what) + '\n')

// Seconds of the machine's monotonic clock, the same as in every other process here.
export const now = () => Number(process.hrtime.bigint()) / 1e9

export const numbered = (body, number) => body.replace('00000000', String(number).padStart(8, '0'))

export async function obey(commands) {
  say({ result: {} })
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line)
    try {
      say({ result: (await commands[asked.command](asked.params)) ?? null })
    } catch (error) {
      say({ error: `${asked.command}: ${error}` })
    }
  }
  process.exit(0)
}

// Calls `put` with `rate` messages a second, whatever it does; number and moment of each.
export async function pace({ body, rate, seconds }, put) {
  const sent = []
  const waiting = []
  const began = now()
  for (let number = 0; number < Math.floor(rate * seconds); number++) {
    const rest = began + number / rate - now()
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest * 1000))
    sent.push([number, now()])
    waiting.push(put(numbered(body, number)))
  }
  await Promise.all(waiting)
  return sent
}
