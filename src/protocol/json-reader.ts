import { accepted, rejected, type Result } from '../domain/rejection.ts';
import { DEPTH_MAX } from './msgpack-reader.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** True when brackets outside of strings nest deeper than DEPTH_MAX: found before the parser builds anything. */
function nestsTooDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > DEPTH_MAX) return true;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return false;
}

/** The value that JSON text in UTF-8 holds, or a `bad_message` that says what was wrong. Never throws. */
export function readJson(bytes: Uint8Array): Result<unknown> {
  if (nestsTooDeep(bytes)) return rejected('bad_message', `JSON: nested deeper than ${DEPTH_MAX}`);
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return rejected('bad_message', 'JSON: not UTF-8');
  }
  try {
    return accepted(JSON.parse(text) as unknown);
  } catch {
    // The engine's own message quotes the input: it might carry personal data into a log.
    return rejected('bad_message', 'JSON: syntax error');
  }
}
