/** Structured logging as pino has it: fields first, then one sentence. Never a secret, never a phone number in full. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Says nothing: for tests and the simulation, which look at state instead. */
export const SILENT_LOG: Log = { debug() {}, info() {}, warn() {}, error() {} };
