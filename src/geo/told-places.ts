import type { DriverIndex } from './driver-index.ts';

/** A driver who has moved less is told of again only after `TOLD_AGAIN_MS`. As far as a phone's fix is off in a street of houses. */
const MOVED_M = 20;
const TOLD_AGAIN_MS = 4_000;
/** After a change of status every flush tells of the driver: watchers believe it only when theirs has settled. */
const STATUS_FRESH_MS = 3_000;
const METRES_PER_DEGREE = 111_195;

/**
 * What watchers were last told of the drivers who are here, so that a row goes out only when it tells something. Their
 * picture of a driver lags by a little more than a flush: the watchers' 20 m are, of an ETA of minutes, 2.5 s at a city's 8 m/s, less than the fix
 * itself may be off by, and offers are made by the owner with the driver's own replica as the last word. For that, at 8 m/s and a flush a
 * second two of three rows are not made, sent, and read by each watcher. A row that was lost is made up for as fast.
 */
export class ToldPlaces {
  private readonly index: DriverIndex;
  private lat = new Float64Array(0);
  private lng = new Float64Array(0);
  private zone = new Float64Array(0);
  private generation = new Float64Array(0);
  /** -Infinity: nobody was told, or another replica has told of the driver since. */
  private toldMs = new Float64Array(0);

  constructor(index: DriverIndex) {
    this.index = index;
    index.onHost((slot) => {
      if (slot < this.toldMs.length) this.toldMs[slot] = -Infinity;
    });
  }

  /** Those of a zone's slots that are to be told of now, which are noted as told; `all` of them where somebody has just asked. */
  take(zone: number, slots: readonly number[], nowMs: number, all: boolean): number[] {
    this.widen();
    const taken = slots.filter((slot) => all || this.isNews(slot, zone, nowMs));
    for (const slot of taken) this.note(slot, zone, nowMs);
    return taken;
  }

  private isNews(slot: number, zone: number, nowMs: number): boolean {
    const { columns } = this.index;
    // Also true for a clock that was set back.
    if (!(Math.abs(nowMs - this.toldMs[slot]!) < TOLD_AGAIN_MS)) return true;
    if (this.zone[slot] !== zone || this.generation[slot] !== columns.generation[slot]) return true;
    if (nowMs - columns.statusMs[slot]! < STATUS_FRESH_MS) return true;
    const lat = columns.lat[slot]!;
    const northM = (lat - this.lat[slot]!) * METRES_PER_DEGREE;
    const eastM =
      (columns.lng[slot]! - this.lng[slot]!) * METRES_PER_DEGREE * Math.cos((lat * Math.PI) / 180);
    return northM * northM + eastM * eastM >= MOVED_M * MOVED_M;
  }

  private note(slot: number, zone: number, nowMs: number): void {
    const { columns } = this.index;
    this.lat[slot] = columns.lat[slot]!;
    this.lng[slot] = columns.lng[slot]!;
    this.zone[slot] = zone;
    this.generation[slot] = columns.generation[slot]!;
    this.toldMs[slot] = nowMs;
  }

  /** As many slots as the index has room for. */
  private widen(): void {
    const { length } = this.index.columns.lat;
    const known = this.toldMs.length;
    if (known >= length) return;
    this.lat = grown(this.lat, length);
    this.lng = grown(this.lng, length);
    this.zone = grown(this.zone, length);
    this.generation = grown(this.generation, length);
    this.toldMs = grown(this.toldMs, length).fill(-Infinity, known);
  }
}

function grown(column: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  const wider = new Float64Array(length);
  wider.set(column);
  return wider;
}
