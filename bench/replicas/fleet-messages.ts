import type { Bounds } from '../../src/domain/market.ts';

/** How drivers come by their server: the owner of their zone as `GET /v1/connect` names it, or any. */
export type Routing = 'sticky' | 'random';

export interface FleetPlan {
  /** `http://host:port` of each server. */
  readonly serverUrls: readonly string[];
  readonly secret: string;
  readonly drivers: number;
  readonly routing: Routing;
  readonly bounds: Bounds;
  readonly seed: number;
}

export type ToFleet =
  | { readonly kind: 'connect'; readonly plan: FleetPlan }
  /** Pings from now on, each of the drivers once every `pingMs`. */
  | { readonly kind: 'drive'; readonly pingMs: number }
  | { readonly kind: 'halt' };

export type FromFleet =
  /** All are on duty; by server, in the order of the plan. */
  | { readonly kind: 'online'; readonly driversByServer: readonly number[] }
  /** Pings sent in all, and how late the latest of them was (a fleet that cannot keep up makes the load a lie). */
  | { readonly kind: 'halted'; readonly sent: number; readonly lateMsMax: number }
  | { readonly kind: 'failed'; readonly message: string };
