/**
 * Starts the private stores of one run and ends them when its parent goes, however it goes: the parent holds the other end of
 * this process's standard input, which the kernel closes even after a kill -9. Plain JavaScript, so that it runs from src
 * and from dist alike. It has a session of its own: a Ctrl-C in the terminal must reach the program, which drains, and not
 * the database under it.
 *
 * Usage: node store-keeper.mjs DIR, with one line of JSON on standard input:
 * { processes: [{ name, command, args, env, uid?, gid?, logFile, stopSignal }], removeDir }
 * and then, for a store that is to be ended and started again, { end: name, signal } and { start: name }.
 * On standard output one line of JSON per event: { started: { name: pid } }, then { exited: name, code, signal }.
 */
import { spawn } from 'node:child_process';
import { openSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** A store that has not ended by then (a checkpoint on a slow disk takes seconds) is killed. */
const STOP_MS_MAX = 10_000;

const dir = process.argv[2];
const running = new Map();
/** How each store is started, by name. */
const specs = new Map();
let removeDir = false;
let stopping = false;

function say(event) {
  process.stdout.write(JSON.stringify(event) + '\n');
}

function start(spec) {
  const { name, command, args, env, uid, gid, logFile, stopSignal } = spec;
  specs.set(name, spec);
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(command, args, { env, uid, gid, cwd: '/', stdio: ['ignore', log, log] });
  if (child.pid !== undefined) running.set(name, { child, stopSignal });
  const gone = (code, signal) => {
    running.delete(name);
    say({ exited: name, code, signal });
    if (stopping && running.size === 0) finish();
  };
  child.on('error', (error) => gone(error.code ?? error.message, null));
  child.on('exit', gone);
}

function finish() {
  // Refused only when something else still writes there; the next start sweeps what stays.
  if (removeDir) rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  process.exit(0);
}

function stop() {
  if (stopping) return;
  stopping = true;
  if (running.size === 0) finish();
  for (const { child, stopSignal } of running.values()) child.kill(stopSignal);
  setTimeout(() => {
    for (const { child } of running.values()) child.kill('SIGKILL');
  }, STOP_MS_MAX);
}

// The parent may be gone already: then nobody reads, and that is no reason to leave the stores behind.
process.stdout.on('error', stop);
for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => undefined);
process.on('SIGTERM', stop);

function sayStarted(names) {
  const started = names.filter((name) => running.has(name));
  say({ started: Object.fromEntries(started.map((name) => [name, running.get(name).child.pid])) });
}

function obey(order) {
  if (order.processes !== undefined) {
    removeDir = order.removeDir;
    for (const one of order.processes) start(one);
    sayStarted([...specs.keys()]);
  } else if (order.start !== undefined) {
    start(specs.get(order.start));
    sayStarted([order.start]);
  } else running.get(order.end)?.child.kill(order.signal);
}

const input = createInterface({ input: process.stdin });
input.on('line', (line) => {
  if (!stopping) obey(JSON.parse(line));
});
input.on('close', stop);
