import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Row } from '../suite/row.ts';
import { pin } from '../suite/pinning.ts';
import type { FramesReport } from './frames-report.ts';

const start = promisify(execFile);
/** As built: below dist everything is JavaScript at its own place. */
const SCRIPT = fileURLToPath(new URL('./frames-process.js', import.meta.url));
const MEASURE_MS_MAX = 120_000;
const DRIVERS = [1_000, 10_000, 100_000];
const DRIVERS_QUICK = [10_000];

/** What drivers' places cost between replicas: one row of a frame made by its host, and read and applied by a watcher, in a process of its own on the server's CPU. */
export const framesRow: Row = {
  name: 'frames',
  title: "Places between replicas: one driver's row of a frame",
  async measure(run) {
    for (let repeat = 1; repeat <= run.repeats; repeat++)
      for (const drivers of run.isQuick ? DRIVERS_QUICK : DRIVERS) {
        const on = `${drivers.toLocaleString('en')} drivers`;
        const { makeNs, applyNs, bytes } = await reportOf(drivers, run.seed + repeat);
        const sample = { subject: 'hexdispatch', on, repeat };
        run.record({ ...sample, metric: 'to make a row', unit: 'ns', value: makeNs });
        run.record({ ...sample, metric: 'to read and apply a row', unit: 'ns', value: applyNs });
        run.record({ ...sample, metric: 'a row', unit: 'bytes', value: bytes });
        run.say(`${on}: a row ${makeNs.toFixed(0)} ns to make, ${applyNs.toFixed(0)} ns to apply`);
      }
  },
  goals: () => [],
};

async function reportOf(drivers: number, seed: number): Promise<FramesReport> {
  const args = ['--enable-source-maps', SCRIPT, String(drivers), String(seed)];
  const running = start(process.execPath, args, { timeout: MEASURE_MS_MAX });
  const { child } = running;
  try {
    // No pid: it could not be started, and `running` says why.
    const [{ stdout }] = await Promise.all([
      running,
      child.pid === undefined ? undefined : pin(child.pid, 'server'),
    ]);
    return JSON.parse(stdout) as FramesReport;
  } finally {
    child.kill();
  }
}
