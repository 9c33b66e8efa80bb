import { type Rejection, REJECTIONS, type RejectionCode } from '../domain/rejection.ts';
import { STATUS_OF } from '../protocol/rest.ts';

/** Refusals that only HTTP knows; all others are rejections of the domain. */
const HTTP_REFUSALS = {
  bad_json: { status: 400, title: 'the body is not JSON' },
  bad_key: {
    status: 400,
    title: 'the Idempotency-Key header is missing or not 1 to 64 printable ASCII characters',
  },
  no_such_path: { status: 404, title: 'nothing is at this path' },
  method_not_allowed: { status: 405, title: 'this path has other methods, see Allow' },
  body_too_slow: { status: 408, title: 'the body did not arrive in time' },
  body_too_large: { status: 413, title: 'the body is too large' },
  not_json: { status: 415, title: 'send application/json' },
  not_ready: { status: 503, title: 'not ready' },
  internal: { status: 500, title: 'something broke here; it has been logged' },
} as const;
export type HttpRefusal = keyof typeof HTTP_REFUSALS;

/** An error as it goes over the wire (RFC 9457). */
export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly code: RejectionCode | HttpRefusal;
  readonly detail?: string;
  readonly retryable: boolean;
}

export function problemOf(rejection: Rejection): Problem {
  const { message, retryable } = REJECTIONS[rejection.code];
  const problem = { status: STATUS_OF[rejection.code], title: message, code: rejection.code, retryable };
  return rejection.detail === undefined ? problem : { ...problem, detail: rejection.detail };
}

export function httpProblem(code: HttpRefusal, detail?: string): Problem {
  const { status, title } = HTTP_REFUSALS[code];
  const problem = { status, title, code, retryable: status >= 500 || status === 408 };
  return detail === undefined ? problem : { ...problem, detail };
}
