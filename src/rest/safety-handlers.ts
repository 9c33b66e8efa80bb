import type { DriverId, TripId } from '../domain/ids.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import {
  type SAFETY_OPERATIONS,
  SOS_PAGE_MAX,
  type SosHandle,
  type SosRaise,
  type SosView,
} from '../protocol/rest-safety.ts';
import type { SosCall, SosCursor, TrustStore } from '../store/trust-store.ts';
import type { TripTrust } from '../trust/trip-trust.ts';
import { type Audit, audited } from './audited.ts';
import type { HandlersOf } from './call.ts';
import { sideOf } from './trust-handlers.ts';

export interface SafetyServices {
  readonly trust: TripTrust;
  readonly store: Pick<TrustStore, 'suspicionsOf' | 'liftSuspicions'>;
  readonly audit: Audit;
}

/** The newest, in an answer. */
const SUSPICIONS_MAX = 50;
const forbidden = rejected('forbidden');

/** The handlers of calls for help and of drivers whose places are not believed. */
export function createSafetyHandlers({
  trust,
  store,
  audit,
}: SafetyServices): HandlersOf<typeof SAFETY_OPERATIONS> {
  const { nowMs } = audit;
  const handlers: HandlersOf<typeof SAFETY_OPERATIONS> = {
    raiseSos: async ({ principal, body, key }) => {
      const side = sideOf(principal);
      if (side === null) return forbidden;
      const { tripId, place } = body as SosRaise;
      return sosOf(await trust.raise(side, { tripId: tripId as TripId | null, place }, key));
    },
    sosCalls: async ({ query }) => {
      const after = cursorOf(query.after);
      if (!after.ok) return after;
      const limit = (query.limit ?? SOS_PAGE_MAX) as number;
      const calls = await trust.calls({ isOpen: query.state !== 'all', after: after.value, limit });
      const last = calls.length === limit ? calls.at(-1)! : null;
      return accepted({
        calls: calls.map(sosView),
        next: last === null ? null : `${last.raisedMs}.${last.sosId}`,
      });
    },
    handleSos: async ({ principal, params, body }) => {
      if (principal === null || !('operatorId' in principal)) return forbidden;
      return sosOf(await trust.handle(params.sosId!, principal.operatorId, (body as SosHandle).note));
    },
    driverSuspicions: async ({ params }) => {
      const suspicions = await store.suspicionsOf(params.driverId as DriverId, SUSPICIONS_MAX);
      return accepted({
        isSuspect: suspicions.some(({ untilMs }) => untilMs > nowMs()),
        suspicions: suspicions.map(({ sinceMs, untilMs, refused, jumps, isMock, liftedBy }) => ({
          ...{ sinceMs, untilMs, refused, jumps, isMock, liftedBy },
        })),
      });
    },
    liftSuspicions: async ({ principal, params }) => {
      if (principal === null || !('operatorId' in principal)) return forbidden;
      await store.liftSuspicions(params.driverId as DriverId, principal.operatorId, nowMs());
      return accepted(null);
    },
  };
  const handled = { action: 'sos.handle', kind: 'sos', param: 'sosId', after: () => 'handled' };
  const lifted = { action: 'driver.believe', kind: 'driver', param: 'driverId', after: () => null };
  return {
    ...handlers,
    handleSos: audited(handlers.handleSos, handled, audit),
    liftSuspicions: audited(handlers.liftSuspicions, lifted, audit),
  };
}

function sosOf(call: Result<SosCall>): Result<SosView> {
  return call.ok ? accepted(sosView(call.value)) : call;
}

function sosView({ by, ...call }: SosCall): SosView {
  return { ...call, role: by.role, accountId: by.accountId };
}

const CURSOR = /^(\d{1,15})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

function cursorOf(text: string | number | undefined): Result<SosCursor | null> {
  if (text === undefined) return accepted(null);
  const [, ms, sosId] = CURSOR.exec(String(text)) ?? [];
  if (sosId === undefined) return rejected('bad_message', 'query after: give `next` of the page before');
  return accepted({ raisedMs: Number(ms), sosId });
}
