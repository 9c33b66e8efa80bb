import { type Fix, PINGS_MAX } from '../../protocol/messages.ts';

/** Ring of bytes that packed pings lie in: what was packed stays as it is until so many bytes more have been. */
const RING_BYTES = 1 << 20;
/** An array and six float64. */
const FIX_BYTES_MAX = 1 + 6 * 9;
const FRAME_BYTES_MAX = 16 + PINGS_MAX * FIX_BYTES_MAX;

/**
 * `ping` and `pings` as msgpack, by hand: nearly all that a city's apps send, thousands a second. The bytes may be handed to a
 * socket without a copy: they are written over only a megabyte later, when a socket that still holds them is long given up
 * (see SocketLine).
 */
export class PingPacker {
  private readonly ring = Buffer.allocUnsafe(RING_BYTES);
  private at = 0;

  ping(fix: Fix): Uint8Array {
    const start = this.begin();
    this.text(0x82a174, 3);
    this.text(0xa470696e67, 5);
    this.text(0xa170, 2);
    this.fix(fix);
    return this.ring.subarray(start, this.at);
  }

  /** 1 to PINGS_MAX fixes. */
  pings(fixes: readonly Fix[]): Uint8Array {
    const start = this.begin();
    this.text(0x82a174, 3);
    this.text(0xa570696e6773, 6);
    this.text(0xa170, 2);
    this.at = this.ring.writeUInt8(0xdc, this.at);
    this.at = this.ring.writeUInt16BE(fixes.length, this.at);
    for (const fix of fixes) this.fix(fix);
    return this.ring.subarray(start, this.at);
  }

  private begin(): number {
    if (this.at + FRAME_BYTES_MAX > RING_BYTES) this.at = 0;
    return this.at;
  }

  private text(bytes: number, length: number): void {
    this.at = this.ring.writeUIntBE(bytes, this.at, length);
  }

  private fix(fix: Fix): void {
    const { ring } = this;
    this.at = ring.writeUInt8(0x96, this.at);
    for (const value of fix) {
      if (value === null) this.at = ring.writeUInt8(0xc0, this.at);
      else if (Number.isInteger(value) && value >= 0 && value < 128)
        this.at = ring.writeUInt8(value, this.at);
      else this.at = ring.writeDoubleBE(value, ring.writeUInt8(0xcb, this.at));
    }
  }
}
