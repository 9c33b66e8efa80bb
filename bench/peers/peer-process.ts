/** The port that a peer was told to listen on; 0, a free one, when it was told none. */
export function portOf(env: Readonly<Record<string, string | undefined>>): number {
  return Number(env['PORT'] ?? 0);
}

/** Says to whoever started this process that it listens; ends with a SIGTERM, and with that process. */
export function announce(port: number): void {
  const end = (): void => process.exit(0);
  process.on('SIGTERM', end);
  process.on('disconnect', end);
  console.log(JSON.stringify({ ready: true, port }));
}
