import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { readPace, watchMachine } from '../../../bench/suite/machine-load.ts';
import { cpuUsOf, endedCpuUs, machineCpuUs } from '../../../bench/suite/process-usage.ts';

/** Uses a CPU for `ms` of CPU time, in a process of its own that has a child which uses as much. */
function burnInAFamily(ms: number): void {
  const burn = `const u = process.cpuUsage(); let d; do d = process.cpuUsage(u); while (d.user + d.system < ${ms * 1000});`;
  const parent = `require('child_process').execFileSync(process.execPath, ['-e', ${JSON.stringify(burn)}]); ${burn}`;
  execFileSync(process.execPath, ['-e', parent]);
}

test('CPU time of children that have ended is ours, and so is that of theirs', async () => {
  const [beforeUs, selfUs] = [await endedCpuUs(), await cpuUsOf(process.pid)];
  burnInAFamily(200);
  const [afterUs, selfAfterUs] = [await endedCpuUs(), await cpuUsOf(process.pid)];
  expect(afterUs - beforeUs - (selfAfterUs - selfUs)).toBeGreaterThanOrEqual(2 * 200_000 - 4 * 10_000);
});

test('what our own children use is not told as foreign', async () => {
  const before = await machineCpuUs();
  const loadSince = await watchMachine();
  burnInAFamily(400);
  const load = await loadSince();
  const busyUs = (await machineCpuUs()).busyUs - before.busyUs;
  expect(load.foreignCpus * load.wallS * 1e6).toBeLessThanOrEqual(busyUs - 800_000 + 40_000);
  expect(load.stolenCpus).toBeGreaterThanOrEqual(0);
});

test('the pace is that of a busy loop: it takes time, and no more CPU time than wall time', () => {
  const pace = readPace();
  expect(pace.cpuMs).toBeGreaterThan(0.5);
  expect(pace.cpuMs).toBeLessThan(pace.wallMs * 1.1 + 0.5);
});
