/** Two digits as they lie in memory, low byte first. */
const PAIRS = Uint16Array.from({ length: 100 }, (_, n) => 0x3030 | Math.floor(n / 10) | ((n % 10) << 8));
const [ZERO, MINUS, POINT] = [0x30, 0x2d, 0x2e];
const WORD = 4;
/** What the digits are made for; others are printed as JavaScript does. */
const WHOLE_MAX = 2 ** 31 - 1;
const DECIMALS = 1e5;

/** A piece of JSON that stands again and again, as words of four bytes; what is too much of the last is overwritten by what follows. */
export interface Piece {
  readonly words: Int32Array;
  readonly length: number;
}

/** ASCII only. */
export function piece(text: string): Piece {
  const bytes = Buffer.from(text.padEnd(Math.ceil(text.length / WORD) * WORD), 'latin1');
  const words = Int32Array.from({ length: bytes.length / WORD }, (_, n) => bytes.readInt32LE(n * WORD));
  return { words, length: text.length };
}

/**
 * JSON written straight into bytes, one answer after the other into the same ones: for bodies of many numbers, where text costs three times as
 * much, since it is made of hundreds of strings and turned into bytes in the end. Writing beyond `bytesMax` of `begin` throws a RangeError.
 */
export class JsonBytes {
  private bytes = new Uint8Array(0);
  private view = new DataView(this.bytes.buffer);
  private at = 0;

  /** Begins anew; what `written` gave before is no longer valid. */
  begin(bytesMax: number): void {
    this.at = 0;
    if (bytesMax + WORD <= this.bytes.length) return;
    this.bytes = new Uint8Array(bytesMax + WORD);
    this.view = new DataView(this.bytes.buffer);
  }

  /** All since `begin`; to be used before the next one. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.at);
  }

  put({ words, length }: Piece): void {
    const { view, at } = this;
    for (let n = 0; n < words.length; n++) view.setInt32(at + n * WORD, words[n]!, true);
    this.at = at + length;
  }

  number(value: number): void {
    if (Number.isInteger(value) && value >= 0 && value <= WHOLE_MAX) this.whole(value);
    else this.put(piece(String(value)));
  }

  /** Degrees with five decimals, the nearest. */
  degrees(value: number): void {
    let steps = Math.round(value * DECIMALS);
    if (steps < 0) {
      this.view.setUint8(this.at++, MINUS);
      steps = -steps;
    }
    const whole = (steps / DECIMALS) | 0;
    this.whole(whole);
    const decimals = steps - whole * DECIMALS;
    const upper = (decimals / 1_000) | 0;
    const lower = decimals - upper * 1_000;
    const middle = (lower / 10) | 0;
    this.view.setUint8(this.at, POINT);
    this.view.setUint16(this.at + 1, PAIRS[upper]!, true);
    this.view.setUint16(this.at + 3, PAIRS[middle]!, true);
    this.view.setUint8(this.at + 5, ZERO + lower - middle * 10);
    this.at += 6;
  }

  private whole(value: number): void {
    if (value < 10) {
      this.view.setUint8(this.at++, ZERO + value);
      return;
    }
    const above = (value / 100) | 0;
    if (above > 0) this.whole(above);
    this.view.setUint16(this.at, PAIRS[value - above * 100]!, true);
    this.at += 2;
  }
}
