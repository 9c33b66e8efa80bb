import autocannon, { type AutocannonRequest } from 'autocannon';
import { cpuUsOf } from '../suite/process-usage.ts';
import type { HttpAnswers, HttpPlan } from './http-load.ts';

/** Generates load with autocannon for `http-load.ts`, which starts this as a process of its own. */

/** Ends a run that nobody stops. */
const RUN_S_MAX = 600;
/** How often autocannon looks whether it is to stop. */
const SAMPLE_MS = 100;
/** How often the warm-up's end is looked for. */
const LOOK_MS = 20;

let lists: readonly (readonly AutocannonRequest[])[] = [];

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function measure(plan: HttpPlan): Promise<HttpAnswers> {
  let answers = 0;
  let wrong = 0;
  let bytes = 0;
  let connection = 0;
  const run = autocannon({
    ...{ url: plan.url, connections: lists.length, pipelining: 1, duration: RUN_S_MAX, sampleInt: SAMPLE_MS },
    setupClient: (client) =>
      client.setRequests(
        lists[connection++]!.map((request) => ({ ...request, path: plan.path + request.path })),
      ),
  });
  run.on('response', (_client, status, size) => {
    answers++;
    if (status !== plan.status) wrong++;
    bytes += size;
  });
  const now = async () => ({
    ...{ answers, bytes, atMs: performance.now() },
    ...{ serverUs: await cpuUsOf(plan.serverPid), clientUs: await cpuUsOf(process.pid) },
  });
  const warmUpEndMs = performance.now() + plan.warmUpMsMax;
  while (answers < plan.warmUpAnswers && performance.now() < warmUpEndMs) await after(LOOK_MS);
  const before = await now();
  await after(plan.measureMs);
  const since = await now();
  run.stop();
  const { errors, timeouts } = await run;
  if (errors + timeouts + wrong > 0)
    throw new Error(`${errors} errors, ${timeouts} time-outs, ${wrong} answers other than ${plan.status}`);
  const count = since.answers - before.answers;
  return {
    ...{ answers: count, seconds: (since.atMs - before.atMs) / 1000, answersInAll: answers },
    bytesPerAnswer: (since.bytes - before.bytes) / count,
    serverUs: since.serverUs - before.serverUs,
    clientUs: since.clientUs - before.clientUs,
  };
}

process.on('message', (message: { lists: typeof lists } | { plan: HttpPlan }) => {
  if ('lists' in message) {
    ({ lists } = message);
    return;
  }
  measure(message.plan).then(
    (answers) => process.send!({ answers }),
    (error: unknown) => process.send!({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
process.send!({ started: true });
