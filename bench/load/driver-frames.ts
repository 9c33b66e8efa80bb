import { maskedFrame } from './masked-frame.ts';

/** How a driver's app writes: so many frames at once, each with so many fixes. One fix is a `ping`, more are `pings`. */
export interface WriteShape {
  readonly framesPerWrite: number;
  readonly fixesPerFrame: number;
}

/** A street that a driver goes up and down. */
export interface Track {
  readonly home: { readonly lat: number; readonly lng: number };
  /** Which way the street goes, radians from north. */
  readonly angle: number;
}

/** About 29 km/h, a car in a city's traffic. */
const SPEED_MPS = 8;
/** To the end of the street and back. */
const STREET_M = 400;
const M_PER_DEG = 111_195;

/** `{"t":"ping","p":` and `{"t":"pings","p":` in MessagePack. */
const PING = Buffer.from('82a174a470696e67a170', 'hex');
const PINGS = Buffer.from('82a174a570696e6773a170', 'hex');
/** An array of six: three float64 (time, latitude, longitude), accuracy 5 m, speed 8 m/s, heading as a byte of its own. */
const FIX = Buffer.from(`96${`cb${'00'.repeat(8)}`.repeat(3)}0508cc00`, 'hex');
const AT = { atMs: 2, lat: 11, lng: 20, headingDeg: FIX.length - 1 } as const;

/**
 * The frames one driver writes, in MessagePack, made once and changed in place: only times, places and headings are new in each write. The driver goes up and down a
 * street at 8 m/s by the clock, however many fixes tell of it, so cells are entered as often as in a city.
 */
export class DriverFrames {
  private readonly bytes: Buffer;
  /** Where each fix begins. */
  private readonly fixes: readonly number[];
  private readonly lat: number;
  private readonly lng: number;
  private readonly latPerM: number;
  private readonly lngPerM: number;
  private writtenMs: number;

  constructor(shape: WriteShape, { home, angle }: Track, nowMs: number) {
    const frame = frameOf(shape.fixesPerFrame);
    this.bytes = Buffer.concat(Array.from({ length: shape.framesPerWrite }, () => frame));
    const first = frame.length - shape.fixesPerFrame * FIX.length;
    this.fixes = Array.from(
      { length: shape.framesPerWrite * shape.fixesPerFrame },
      (_, i) =>
        Math.floor(i / shape.fixesPerFrame) * frame.length + first + (i % shape.fixesPerFrame) * FIX.length,
    );
    this.lat = home.lat;
    this.lng = home.lng;
    this.latPerM = Math.cos(angle) / M_PER_DEG;
    this.lngPerM = Math.sin(angle) / (M_PER_DEG * Math.cos((home.lat * Math.PI) / 180));
    this.writtenMs = nowMs;
  }

  /** The fixes of the time since the last call, evenly spread, up to `nowMs` (Unix ms, with fractions); the same buffer every time, good to be written at once. */
  next(nowMs: number): Buffer {
    const stepMs = (nowMs - this.writtenMs) / this.fixes.length;
    for (const at of this.fixes) {
      this.writtenMs += stepMs;
      this.writeFix(at, this.writtenMs);
    }
    return this.bytes;
  }

  private writeFix(at: number, atMs: number): void {
    const { bytes } = this;
    const wayM = ((atMs / 1_000) * SPEED_MPS) % (2 * STREET_M);
    const isBack = wayM > STREET_M;
    const fromHomeM = isBack ? 2 * STREET_M - wayM : wayM;
    bytes.writeDoubleBE(atMs, at + AT.atMs);
    bytes.writeDoubleBE(this.lat + fromHomeM * this.latPerM, at + AT.lat);
    bytes.writeDoubleBE(this.lng + fromHomeM * this.lngPerM, at + AT.lng);
    bytes[at + AT.headingDeg] = isBack ? 225 : 45;
  }
}

function frameOf(fixes: number): Buffer {
  const all = Array.from({ length: fixes }, () => FIX);
  if (fixes === 1) return maskedFrame(Buffer.concat([PING, ...all]));
  const count = fixes < 16 ? Buffer.of(0x90 | fixes) : Buffer.of(0xdc, fixes >> 8, fixes & 0xff);
  return maskedFrame(Buffer.concat([PINGS, count, ...all]));
}
