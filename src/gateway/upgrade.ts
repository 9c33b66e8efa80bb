import type uWS from 'uWebSockets.js';
import type { Member } from '../dispatch/desk.ts';
import { reachOf } from '../domain/permission.ts';
import type { Result } from '../domain/rejection.ts';
import { clientAddress } from '../lib/client-address.ts';
import { type Encoding, ENCODINGS, SUBPROTOCOLS } from '../protocol/codec.ts';
import type { Auth, Identity } from './auth.ts';
import type { UpgradeRefusal } from './counters.ts';
import type { ResumePoint } from './session.ts';

/** What a request for a socket asks, read at once: uWebSockets.js takes the request back. */
export interface UpgradeRequest {
  readonly key: string;
  /** What the client listed; empty when it named none. */
  readonly protocols: string;
  readonly token: string | null;
  readonly resume: ResumePoint | null;
  readonly address: string;
}

/** Who comes in, how it is answered. */
export interface Admission {
  readonly member: Member;
  readonly expiresMs: number;
  readonly sessionId: string | null;
  readonly encoding: Encoding;
  /** The subprotocol to name in the answer; empty when the client named none. */
  readonly protocol: string;
}

const STATUS: Readonly<Record<UpgradeRefusal, string>> = {
  bad_token: '401 Unauthorized',
  forbidden: '403 Forbidden',
  bad_subprotocol: '400 Bad Request',
  too_many_failures: '429 Too Many Requests',
  connections: '503 Service Unavailable',
  connections_per_ip: '429 Too Many Requests',
  draining: '503 Service Unavailable',
  overloaded: '503 Service Unavailable',
};

export function readUpgrade(
  res: uWS.HttpResponse,
  req: uWS.HttpRequest,
  trustForwardedFor: boolean,
): UpgradeRequest {
  const forwarded = trustForwardedFor ? req.getHeader('x-forwarded-for') : '';
  return {
    key: req.getHeader('sec-websocket-key'),
    protocols: req.getHeader('sec-websocket-protocol'),
    token: bearerToken(req.getHeader('authorization')) ?? req.getQuery('token') ?? null,
    resume: resumePoint(req.getQuery('epoch'), req.getQuery('seq')),
    address: clientAddress(() => res.getRemoteAddress(), forwarded),
  };
}

/** The token of an `Authorization: Bearer …` header, or null. */
function bearerToken(header: string): string | null {
  return /^bearer /i.test(header) ? header.slice(7).trim() : null;
}

/** Half a resume point, or a number that is none, is no resume point: the client gets a snapshot. */
function resumePoint(epoch: string | undefined, seq: string | undefined): ResumePoint | null {
  if (epoch === undefined || seq === undefined || !/^[0-9]{1,15}$/.test(seq)) return null;
  return { epoch, seq: Number(seq) };
}

/** Decides who may come in. */
export function admit(request: UpgradeRequest, auth: Auth): Admission | UpgradeRefusal {
  const spoken = subprotocolOf(request.protocols);
  if (spoken === null) return 'bad_subprotocol';
  return admission(auth.authenticateOnce(request.token, request.address), spoken);
}

function admission(
  identity: Result<Identity>,
  spoken: { encoding: Encoding; protocol: string },
): Admission | UpgradeRefusal {
  if (!identity.ok) return identity.code === 'rate_limited' ? 'too_many_failures' : 'bad_token';
  const { principal, expiresMs, sessionId } = identity.value;
  // Operators have no messages of their own; they use REST.
  if (principal.role !== 'driver' && principal.role !== 'rider') return 'forbidden';
  if (reachOf(principal.role, 'socket.open') === null) return 'forbidden';
  return { member: principal, expiresMs, sessionId, ...spoken };
}

/** The first of the client's subprotocols that is ours; msgpack, unnamed, when it lists none; null when none fits. */
function subprotocolOf(listed: string): { encoding: Encoding; protocol: string } | null {
  if (listed.trim() === '') return { encoding: 'msgpack', protocol: '' };
  for (const protocol of listed.split(',').map((entry) => entry.trim())) {
    const encoding = ENCODINGS.find((candidate) => SUBPROTOCOLS[candidate] === protocol);
    if (encoding !== undefined) return { encoding, protocol };
  }
  return null;
}

export function refuseUpgrade(res: uWS.HttpResponse, refusal: UpgradeRefusal): void {
  const status = STATUS[refusal];
  const problem = { title: status.slice(4), status: Number(status.slice(0, 3)), code: refusal };
  res.writeStatus(status).writeHeader('content-type', 'application/problem+json');
  if (status.startsWith('401')) res.writeHeader('www-authenticate', 'Bearer');
  if (status.startsWith('503') || status.startsWith('429')) res.writeHeader('retry-after', '1');
  res.end(JSON.stringify(problem));
}
