import { createHash, timingSafeEqual } from 'node:crypto';
import type uWS from 'uWebSockets.js';
import { rejected } from '../domain/rejection.ts';
import { isLoopback } from '../lib/client-address.ts';
import type { Exchange } from './exchange.ts';
import { httpProblem, problemOf } from './problem.ts';

export interface ProbeOptions {
  /** Text for Prometheus and its content type. */
  readonly metrics: () => Promise<{ contentType: string; text: string }>;
  /** Who may read it from elsewhere than this machine; nobody, where it is not set. */
  readonly metricsToken?: string;
  /** Null when requests can be served, else one sentence that says what is missing. */
  readonly readiness: () => Promise<string | null>;
  /** `openapi.json` and `asyncapi.json`, as generated. */
  readonly contract: Readonly<Record<'openapi.json' | 'asyncapi.json', string>>;
  readonly onError: (error: unknown, fields: Record<string, unknown>) => void;
  readonly watcher: {
    readonly isDraining: boolean;
    exchange(res: uWS.HttpResponse, operation: string): Exchange;
  };
}

/** What machines ask: is it alive, is it ready, its metrics, its contract. No accounts, no rate limits. */
export function mountProbes(app: uWS.TemplatedApp, options: ProbeOptions): void {
  const { watcher } = options;
  app.get('/livez', (res) => watcher.exchange(res, 'livez').text(200, 'text/plain', 'ok\n'));
  app.get('/readyz', (res) => {
    const exchange = watcher.exchange(res, 'readyz');
    if (watcher.isDraining) return exchange.problem(problemOf(rejected('draining')));
    options.readiness().then(
      (missing) => {
        if (missing === null) exchange.text(200, 'text/plain', 'ready\n');
        else exchange.problem(httpProblem('not_ready', missing));
      },
      (error: unknown) => fail(exchange, error, 'readyz'),
    );
  });
  app.get('/metrics', (res, req) => {
    const exchange = watcher.exchange(res, 'metrics');
    if (!mayRead(res, req, options.metricsToken)) return exchange.problem(problemOf(rejected('forbidden')));
    options.metrics().then(
      ({ contentType, text }) => exchange.text(200, contentType, text),
      (error: unknown) => fail(exchange, error, 'metrics'),
    );
  });
  for (const [name, document] of Object.entries(options.contract)) {
    app.get(`/v1/${name}`, (res) =>
      watcher.exchange(res, 'contract').text(200, 'application/json', document),
    );
  }
  const fail = (exchange: Exchange, error: unknown, operation: string): void => {
    options.onError(error, { operation });
    exchange.problem(httpProblem('internal'));
  };
}

/**
 * With a token set, whoever brings it; without one, this machine only. A request that came through a proxy is not from this
 * machine, whatever its socket says.
 */
function mayRead(res: uWS.HttpResponse, req: uWS.HttpRequest, token: string | undefined): boolean {
  if (token === undefined)
    return isLoopback(res.getRemoteAddress()) && req.getHeader('x-forwarded-for') === '';
  // Hashed, so that the comparison takes as long whatever is sent.
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(req.getHeader('authorization')), digest(`Bearer ${token}`));
}
