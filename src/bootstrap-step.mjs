/** Running other programs during set-up, so that whoever watches knows what is done, why, and how long it took. */
import { spawn } from 'node:child_process';

/** Something that only the person at the keyboard can mend: told in one sentence, without a stack. */
export class MissingPiece extends Error {
  constructor(message, label = 'set-up') {
    super(message);
    this.label = label;
  }
}

/** A sign of life this often, for what takes long on a slow line. */
const SIGN_OF_LIFE_MS = 10_000;

/**
 * Runs one step of the set-up: its name first, a sign of life while it runs, its time at the end. Its output is shown only
 * when it fails; then a MissingPiece says so, with `hint`.
 */
export async function step(name, [command, ...args], { cwd, env, hint } = {}) {
  console.error(`set-up: ${name}`);
  const startMs = Date.now();
  const seconds = () => ((Date.now() - startMs) / 1000).toFixed(1);
  const timer = setInterval(() => console.error(`set-up: ... ${seconds()} s`), SIGN_OF_LIFE_MS);
  let output = '';
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const code = await ended(child);
  clearInterval(timer);
  if (code === 0) return console.error(`set-up: done in ${seconds()} s`);
  console.error(shorten(output.trimEnd().split('\n')).join('\n'));
  throw new MissingPiece(`${name} failed (${command}: ${code})${hint ? `; ${hint}` : ''}`);
}

/** Some programs say first what is wrong, others last. */
function shorten(lines) {
  return lines.length <= 30 ? lines : [...lines.slice(0, 15), '...', ...lines.slice(-15)];
}

/**
 * Runs a program that has the terminal to itself; answers its exit code. A Ctrl-C reaches it from the terminal, any other
 * signal is passed on, and this process waits for it either way.
 */
export async function passOn([command, ...args], { cwd }) {
  const child = spawn(command, args, { cwd, stdio: 'inherit' });
  const forward = (signal) => child.kill(signal);
  const ignore = () => undefined;
  process.on('SIGTERM', forward).on('SIGHUP', forward).on('SIGINT', ignore);
  const code = await ended(child);
  process.off('SIGTERM', forward).off('SIGHUP', forward).off('SIGINT', ignore);
  return code;
}

/** The exit code; what stood in its way, when it did not start or was killed. */
function ended(child) {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.code ?? error.message));
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
}
