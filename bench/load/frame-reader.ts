/** What came in one frame; good during the call only. */
export type OnFrame = (opcode: number, payload: Buffer) => void;

/** Takes a server's frames out of a stream of bytes, however it was cut. Frames in pieces and masked ones are errors: no server here sends them. */
export class FrameReader {
  private readonly onFrame: OnFrame;
  private rest: Buffer | null = null;

  constructor(onFrame: OnFrame) {
    this.onFrame = onFrame;
  }

  take(chunk: Buffer): void {
    const bytes = this.rest === null ? chunk : Buffer.concat([this.rest, chunk]);
    let at = 0;
    for (let next = this.frameAt(bytes, at); next > at; next = this.frameAt(bytes, at)) at = next;
    this.rest = at === bytes.length ? null : Buffer.from(bytes.subarray(at));
  }

  /** The end of the frame that begins at `at`, once it is there and told of; `at` before. */
  private frameAt(bytes: Buffer, at: number): number {
    const left = bytes.length - at;
    if (left < 2) return at;
    const short = bytes[at + 1]!;
    if (short >= 0x80 || bytes[at]! < 0x80) throw new Error('a frame that no server should send');
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (left < head) return at;
    const length =
      short < 126
        ? short
        : short === 126
          ? bytes.readUInt16BE(at + 2)
          : Number(bytes.readBigUInt64BE(at + 2));
    if (left < head + length) return at;
    this.onFrame(bytes[at]! & 0x0f, bytes.subarray(at + head, at + head + length));
    return at + head + length;
  }
}
