/** The WebSocket standard's kinds of frame that are used here. */
export const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Bytes before the payload of a frame that goes to a server: head, length, and the mask's key. */
const headBytesOf = (payloadBytes: number): number => (payloadBytes < 126 ? 6 : 8);

/**
 * One frame as a client sends it. Its mask's key is zero, which the standard allows: the payload then stands there as it is, so that a prepared
 * frame can be changed in place. At most 65,535 bytes.
 */
export function maskedFrame(
  payload: string | Uint8Array,
  opcode: number = typeof payload === 'string' ? OPCODE.text : OPCODE.binary,
): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  if (bytes.length > 0xffff) throw new RangeError('a frame of the load is at most 65,535 bytes long');
  const frame = Buffer.alloc(headBytesOf(bytes.length) + bytes.length);
  frame[0] = 0x80 | opcode;
  if (bytes.length < 126) frame[1] = 0x80 | bytes.length;
  else {
    frame[1] = 0x80 | 126;
    frame.writeUInt16BE(bytes.length, 2);
  }
  frame.set(bytes, headBytesOf(bytes.length));
  return frame;
}
