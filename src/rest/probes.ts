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
    /** Counts the request in and has it answered, at once or later. */
    answer(res: uWS.HttpResponse, operation: string, by: (exchange: Exchange) => void): void;
  };
}

/** What machines ask: is it alive, is it ready, its metrics, its contract. No accounts, no rate limits. */
export function mountProbes(app: uWS.TemplatedApp, options: ProbeOptions): void {
  const { watcher } = options;
  app.get('/livez', (res) =>
    watcher.answer(res, 'livez', (exchange) => exchange.text(200, 'text/plain', 'ok\n')),
  );
  app.get('/readyz', (res) => watcher.answer(res, 'readyz', ready));
  app.get('/metrics', (res, req) => {
    const isAllowed = mayRead(res, req, options.metricsToken);
    watcher.answer(res, 'metrics', (exchange) => {
      if (isAllowed) metrics(exchange);
      else exchange.problem(problemOf(rejected('forbidden')));
    });
  });
  for (const [name, document] of Object.entries(options.contract)) {
    app.get(`/v1/${name}`, (res) =>
      watcher.answer(res, 'contract', (exchange) => exchange.text(200, 'application/json', document)),
    );
  }
  const ready = (exchange: Exchange): void => {
    if (watcher.isDraining) return exchange.problem(problemOf(rejected('draining')));
    options.readiness().then(
      (missing) => {
        if (missing === null) exchange.text(200, 'text/plain', 'ready\n');
        else exchange.problem(httpProblem('not_ready', missing));
      },
      (error: unknown) => fail(exchange, error, 'readyz'),
    );
  };
  const metrics = (exchange: Exchange): void => {
    options.metrics().then(
      ({ contentType, text }) => exchange.text(200, contentType, text),
      (error: unknown) => fail(exchange, error, 'metrics'),
    );
  };
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
