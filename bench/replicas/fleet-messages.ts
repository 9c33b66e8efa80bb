/** How drivers come by their server: the owner of their zone as `GET /v1/connect` names it, or any. */
export type Routing = 'sticky' | 'random';

export interface FleetPlan {
  /** `http://host:port` of each server. */
  readonly serverUrls: readonly string[];
  readonly routing: Routing;
  readonly seed: number;
}

export type ToFleet =
  | { readonly kind: 'begin'; readonly plan: FleetPlan }
  /** More drivers come on duty, until there are so many. */
  | { readonly kind: 'grow'; readonly drivers: number }
  /** Pings from now on, each of the drivers once every `pingMs`. */
  | { readonly kind: 'drive'; readonly pingMs: number }
  | { readonly kind: 'halt' };

/** What the fleet has done so far. */
export interface FleetFigures {
  /** Pings, those of coming on duty included. */
  readonly sent: number;
  /** How late the latest of them was since driving began: a fleet that cannot keep up makes the load a lie. */
  readonly lateMsMax: number;
  /** Share of the drivers whose server owns their zone now. */
  readonly atOwnerShare: number;
}

export type FromFleet =
  /** All are on duty; by server, in the order of the plan. */
  | { readonly kind: 'online'; readonly driversByServer: readonly number[] }
  /** Nothing more is sent. */
  | { readonly kind: 'halted'; readonly figures: FleetFigures }
  | { readonly kind: 'failed'; readonly message: string };
