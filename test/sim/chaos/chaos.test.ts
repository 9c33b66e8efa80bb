import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChaosReport } from '../../../src/sim/chaos/chaos-report.ts';
import { parseChaosOptions } from '../../../src/sim/chaos/chaos-options.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..', '..');
const MAIN = path.join(ROOT, 'dist', 'main.js');
const dir = mkdtempSync(path.join(tmpdir(), 'hexdispatch-chaos-test-'));
/** A seed whose first 14 seconds hold two kills, a stop or a cut, and a fault of a store. */
const SEED = '111';

beforeAll(async () => {
  // The tests run from the sources; what is killed here is the program as built.
  await promisify(execFile)(process.execPath, [path.join(ROOT, 'src', 'bootstrap.mjs'), 'build']);
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Runs it as a person would, who presses Ctrl-C at the sight of `fright`; answers the exit code and all that it said. */
function chaos(args: string[], fright?: string): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [MAIN, 'chaos', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const output of [child.stdout, child.stderr])
    output.on('data', (data: Buffer) => {
      const before = said;
      said += data.toString();
      if (fright !== undefined && said.includes(fright) && !before.includes(fright)) child.kill('SIGINT');
    });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, said })));
}

describe('npm run chaos', () => {
  it('R1 to R6, R11, R12: three replicas, killed and cut off, lose nothing and assign nothing twice', async () => {
    const json = path.join(dir, 'report.json');
    const small = ['--zone-rings', '1', '--drivers', '40', '--rides-per-s', '0.8'];
    const { code, said } = await chaos([
      '--for',
      '14s',
      '--replicas',
      '3',
      '--seed',
      SEED,
      ...small,
      '--json',
      json,
    ]);
    expect(said).toMatch(/\nclean\n/);
    expect(code).toBe(0);
    const report = JSON.parse(readFileSync(json, 'utf8')) as ChaosReport;
    expect(report).toMatchObject({
      lost: 0,
      doubleAssigned: 0,
      violations: 0,
      clean: true,
      seed: Number(SEED),
    });
    expect(report.kills).toBeGreaterThanOrEqual(2);
    expect(report.acknowledged).toBeGreaterThan(0);
    expect(report.trips['completed']).toBeGreaterThan(0);
    const { takeoverS, takeoverAmidOtherFaultsS } = report;
    expect(takeoverS.samples + takeoverAmidOtherFaultsS.samples).toBeGreaterThan(0);
  }, 240_000);

  it('ends at once, with all that it started, when it is interrupted', async () => {
    const { code, said } = await chaos(
      ['--for', '1h', '--replicas', '1', '--drivers', '5'],
      'kill replica 0',
    );
    expect(said).toContain('chaos: interrupted');
    expect(code).toBe(1);
  }, 120_000);

  it('says what is wrong with its arguments', async () => {
    const { code, said } = await chaos(['--for', 'ever']);
    expect(code).toBe(2);
    expect(said).toContain('--for is a time like 30s');
    expect(() => parseChaosOptions(['--replicas', '0'])).toThrow('from 1 to 8');
    expect(() => parseChaosOptions(['--sed', '1'])).toThrow('--sed');
    expect(parseChaosOptions(['--help'])).toBe(null);
    expect(parseChaosOptions(['--for', '1.5m'])).toMatchObject({ forMs: 90_000, replicas: 3, seed: 1 });
  });
});
