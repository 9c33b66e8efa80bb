import type uWS from 'uWebSockets.js';
import type { Desk, Principal } from '../dispatch/desk.ts';
import { isServiceKey, type ServiceKeys } from '../accounts/service-keys.ts';
import { accepted, type Rejection, rejected, type Result } from '../domain/rejection.ts';
import { clientAddress } from '../lib/client-address.ts';
import type { Clock } from '../lib/clock.ts';
import type { BucketRate } from '../lib/token-bucket.ts';
import { readJson } from '../protocol/json-reader.ts';
import { IDEMPOTENCY_KEY_PATTERN, type OperationId } from '../protocol/rest.ts';
import type { Audit } from './audited.ts';
import type { Call, Handler } from './call.ts';
import { failureKind } from '../store/retry.ts';
import { Cors } from './cors.ts';
import { mountDocs } from './docs-page.ts';
import { Exchange } from './exchange.ts';
import { bodyOf, createTripHandlers } from './trip-handlers.ts';
import type { KeyedWrites } from './keyed-writes.ts';
import { mountProbes, type ProbeOptions } from './probes.ts';
import { httpProblem, problemOf } from './problem.ts';
import { RequestRates, type RequestRatesOptions } from './request-rates.ts';
import { isRejection, readParams, readQuery, type Route, routesOf } from './route.ts';

/** Every bound of REST, with what happens at it (R10). */
export interface RestLimits {
  /** Longer bodies: 413. */
  readonly bodyBytesMax: number;
  /** Slower bodies: 408. */
  readonly bodyMsMax: number;
  /** Requests of one account; those above: 429. */
  readonly account: BucketRate;
  /** Requests of one address; those above: 429. High: phones of one carrier may share it. */
  readonly address: BucketRate;
  /** Accounts of a role, and addresses, remembered for that. */
  readonly keysMax: number;
  /** Drivers in an answer of nearby. */
  readonly nearbyMax: number;
  /** Requests being answered, in all; the next gets 503. */
  readonly inFlightMax: number;
}

const REST_LIMITS: RestLimits = {
  bodyBytesMax: 16 * 1024,
  bodyMsMax: 5_000,
  account: { perS: 10, burstMax: 40 },
  address: { perS: 200, burstMax: 1_000 },
  keysMax: 100_000,
  nearbyMax: 20,
  inFlightMax: 5_000,
};

type Authenticated = Result<{ readonly principal: Principal; readonly sessionId: string | null }>;

export interface RestOptions
  extends Omit<ProbeOptions, 'watcher'>, Pick<RequestRatesOptions, 'shared' | 'replicas'> {
  readonly desk: Desk;
  /** As the gateway's. */
  readonly auth: { authenticate(token: string | null, address: string): Authenticated };
  /** Looks up what is a key of a machine's and no token. */
  readonly serviceKeys?: Pick<ServiceKeys, 'lookUp'>;
  /** Of the operations beside those of trips. One without a handler is not there. */
  readonly handlers?: Readonly<Partial<Record<OperationId, Handler>>>;
  /** Told of what operators do to trips. */
  readonly audit?: Audit;
  /** Gives the same answer to the same key. */
  readonly keyed: Pick<KeyedWrites, 'run'>;
  readonly wallClock: Clock;
  readonly limits?: Partial<RestLimits>;
  readonly trustForwardedFor?: boolean;
  /** Clients come by TLS, which ends at a proxy in front. */
  readonly isBehindTls?: boolean;
  /** Pages of which other origins may read answers, see Cors; none by default. */
  readonly corsOrigins?: readonly string[];
  /** What broke while answering; logged once, here. */
  readonly onError: (error: unknown, fields: Record<string, unknown>) => void;
  /** A store did not answer, and the client was told to ask again. */
  readonly onOutOfReach: (error: unknown) => void;
}

/** Answers by operation and status, for the metrics; `aborted` when the client went away first. */
export type RestCounters = Map<string, number>;

/** What a request says, before anybody is believed. */
interface Asked extends Omit<Call, 'principal' | 'sessionId' | 'body'> {
  readonly token: string | null;
}

const USER_AGENT_LENGTH_MAX = 200;
const idempotencyKey = new RegExp(IDEMPOTENCY_KEY_PATTERN, 'u');

/** REST on the gateway's port: routes from the contract's table, each the twin of a command. Fits the gateway's HttpSurface. */
export class RestServer {
  readonly counters: RestCounters = new Map();
  isDraining = false;
  readonly isBehindTls: boolean;
  private readonly counterNames = new Map<string, Map<number, string>>();
  private inFlight = 0;
  private onIdle: (() => void) | null = null;
  private readonly options: RestOptions;
  private readonly limits: RestLimits;
  private readonly rates: RequestRates;
  private readonly cors: Cors;

  constructor(options: RestOptions) {
    this.options = options;
    this.isBehindTls = options.isBehindTls === true;
    this.limits = { ...REST_LIMITS, ...options.limits };
    const { shared, replicas } = options;
    this.rates = new RequestRates({ ...this.limits, shared, replicas });
    this.cors = new Cors(options.corsOrigins ?? []);
  }

  mount(app: uWS.TemplatedApp): void {
    const { desk, handlers, audit } = this.options;
    const methodsOf = new Map<string, string[]>();
    for (const route of routesOf({
      ...createTripHandlers(desk, this.limits.nearbyMax, audit),
      ...handlers,
    })) {
      const { id, method, pattern } = route;
      app[method](pattern, (res, req) => {
        const origin = this.allowedOrigin(req);
        this.answer(res, id, (exchange) => this.receive(exchange, res, req, route), origin);
      });
      const name = method === 'del' ? 'DELETE' : method.toUpperCase();
      methodsOf.set(pattern, [...(methodsOf.get(pattern) ?? []), name]);
    }
    mountProbes(app, { ...this.options, watcher: this });
    mountDocs(app, { watcher: this, refusalOf: (res, req) => this.refusalOf(this.addressOf(res, req)) });
    if (this.cors.isOpen) this.mountPreflight(app);
    for (const [pattern, methods] of methodsOf) {
      const refuse = (exchange: Exchange): void =>
        exchange.problem(httpProblem('method_not_allowed'), { allow: methods.join(', ') });
      app.any(pattern, (res, req) => this.answer(res, 'other', refuse, this.allowedOrigin(req)));
    }
    const refuse = (exchange: Exchange): void => exchange.problem(httpProblem('no_such_path'));
    app.any('/*', (res, req) => this.answer(res, 'other', refuse, this.allowedOrigin(req)));
  }

  /** Whatever the path: which methods it has the request itself will say. */
  private mountPreflight(app: uWS.TemplatedApp): void {
    app.options('/*', (res, req) => {
      const origin = this.allowedOrigin(req);
      if (origin === null || req.getHeader('access-control-request-method') === '')
        return void req.setYield(true);
      const refusal = this.refusalOf(this.addressOf(res, req));
      const answer = (exchange: Exchange): void =>
        refusal === null ? exchange.preflight() : exchange.problem(problemOf(refusal));
      this.answer(res, 'preflight', answer, origin);
    });
  }

  private allowedOrigin(req: uWS.HttpRequest): string | null {
    return this.cors.isOpen ? this.cors.allowed(req.getHeader('origin')) : null;
  }

  private addressOf(res: uWS.HttpResponse, req: uWS.HttpRequest): string {
    const forwarded = this.options.trustForwardedFor === true ? req.getHeader('x-forwarded-for') : '';
    return clientAddress(() => res.getRemoteAddress(), forwarded);
  }

  drain(): Promise<void> {
    this.isDraining = true;
    if (this.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.onIdle = resolve;
    });
  }

  done(operationName: string, status: number): void {
    const key = this.counterOf(operationName, status);
    this.counters.set(key, (this.counters.get(key) ?? 0) + 1);
    this.inFlight -= 1;
    if (this.inFlight === 0) this.onIdle?.();
  }

  /** Of `counters`: the same string each time, since a new one is hashed at every look-up. */
  private counterOf(operationName: string, status: number): string {
    let names = this.counterNames.get(operationName);
    if (names === undefined) this.counterNames.set(operationName, (names = new Map<number, string>()));
    let name = names.get(status);
    if (name === undefined)
      names.set(status, (name = `${operationName} ${status === 0 ? 'aborted' : status}`));
    return name;
  }

  /** Counts a request in, and has it answered, at once or later. */
  answer(
    res: uWS.HttpResponse,
    operationName: string,
    by: (exchange: Exchange) => void,
    allowedOrigin: string | null = null,
  ): void {
    this.inFlight += 1;
    const exchange = new Exchange(res, operationName, this, allowedOrigin);
    by(exchange);
    exchange.handlerReturns();
  }

  /** Reads all that is needed of the request, then decides: the request is gone once this returns. */
  private receive(exchange: Exchange, res: uWS.HttpResponse, req: uWS.HttpRequest, route: Route): void {
    const address = this.addressOf(res, req);
    const refusal = this.refusalOf(address);
    if (refusal !== null) return exchange.problem(problemOf(refusal));
    const { keyUse } = route;
    const key = keyUse === null ? '' : req.getHeader('idempotency-key');
    if (keyUse !== null && (key !== '' || keyUse.isRequired) && !idempotencyKey.test(key))
      return exchange.problem(httpProblem('bad_key'));
    const params = readParams(route, req);
    if (isRejection(params)) return exchange.problem(problemOf(params));
    const query = readQuery(route, req);
    if (isRejection(query)) return exchange.problem(problemOf(query));
    // Field by field, here and below: spreading objects into one another was 6 µs of a request's 29.
    const asked: Asked = {
      address,
      params,
      key,
      query,
      token: tokenOf(req.getHeader('authorization')),
      userAgent: route.rate === 'read' ? '' : req.getHeader('user-agent').slice(0, USER_AGENT_LENGTH_MAX),
    };
    if (route.checkBody === null) return this.authorise(exchange, route, asked, null);
    if (!isJson(req.getHeader('content-type'))) return exchange.problem(httpProblem('not_json'));
    const { bodyBytesMax, bodyMsMax } = this.limits;
    exchange.body({ bytesMax: bodyBytesMax, msMax: bodyMsMax }, this.options.wallClock, (bytes) => {
      const body = readJson(bytes);
      if (!body.ok) return exchange.problem(httpProblem('bad_json', body.detail));
      this.authorise(exchange, route, asked, body.value);
    });
  }

  private refusalOf(address: string): Rejection | null {
    if (this.isDraining) return rejected('draining');
    if (this.inFlight > this.limits.inFlightMax) return rejected('overloaded');
    return this.rates.takeAddress(address, this.options.wallClock.nowMs()) ? null : rejected('rate_limited');
  }

  /** Token, permission, rate, body, in this order: a stranger learns nothing about a body he may not send. */
  private authorise(exchange: Exchange, route: Route, asked: Asked, body: unknown): void {
    const { token } = asked;
    if (route.roles === null) return this.checked(exchange, route, callOf(asked, null, null, body));
    const { auth, serviceKeys } = this.options;
    if (serviceKeys === undefined || token === null || !isServiceKey(token))
      return this.identified(exchange, route, asked, body, auth.authenticate(token, asked.address));
    serviceKeys.lookUp(token, asked.address).then(
      (found) => {
        if (!found.ok) return this.identified(exchange, route, asked, body, found);
        const { role, operatorId } = found.value;
        const identity = accepted({ principal: { role, operatorId }, sessionId: null });
        this.identified(exchange, route, asked, body, identity);
      },
      (error: unknown) => this.fail(exchange, route, error),
    );
  }

  private identified(
    exchange: Exchange,
    route: Route,
    asked: Asked,
    body: unknown,
    identity: Authenticated,
  ): void {
    if (!identity.ok) return exchange.problem(problemOf(identity));
    const { principal, sessionId } = identity.value;
    if (route.roles?.includes(principal.role) !== true)
      return exchange.problem(problemOf(rejected('forbidden')));
    if (!this.rates.takeAccount(principal, this.options.wallClock.nowMs()))
      return exchange.problem(problemOf(rejected('rate_limited')));
    this.checked(exchange, route, callOf(asked, principal, sessionId, body));
  }

  private checked(exchange: Exchange, route: Route, call: Call): void {
    if (route.checkBody === null) return this.admit(exchange, route, call);
    const body = route.checkBody(call.body);
    if (!body.ok) return exchange.problem(problemOf(body));
    this.admit(exchange, route, { ...call, body: body.value });
  }

  /** Last of all: who asks for nonsense costs the other replicas nothing. */
  private admit(exchange: Exchange, route: Route, call: Call): void {
    const nowMs = this.options.wallClock.nowMs();
    const asked = this.rates.takeShared(route.rate, call.address, call.principal, nowMs);
    if (asked === null) return this.perform(exchange, route, call);
    void asked.then((waitMs) => {
      if (waitMs === 0) this.perform(exchange, route, call);
      else exchange.problem(problemOf(rejected('rate_limited')), retryAfter(waitMs));
    });
  }

  private handled({ id, keyUse, handle }: Route, call: Call): ReturnType<Handler> {
    if (keyUse?.keepsAnswer !== true || call.key === '' || call.principal === null) return handle(call);
    return this.options.keyed.run(id, call, call.principal, handle);
  }

  private perform(exchange: Exchange, route: Route, call: Call): void {
    const answer = (result: Result<unknown>): void =>
      result.ok
        ? exchange.json(route.status, route.status === 204 ? '' : bodyOf(route.id, result.value))
        : exchange.problem(problemOf(result));
    const fail = (error: unknown): void => this.fail(exchange, route, error);
    try {
      const result = this.handled(route, call);
      if (result instanceof Promise) result.then(answer).catch(fail);
      else answer(result);
    } catch (error) {
      fail(error);
    }
  }

  private fail(exchange: Exchange, route: Route, error: unknown): void {
    if (failureKind(error) !== 'final') {
      this.options.onOutOfReach(error);
      return exchange.problem(problemOf(rejected('unavailable')));
    }
    this.options.onError(error, { operation: route.id });
    exchange.problem(httpProblem('internal'));
  }
}

const retryAfter = (waitMs: number): Record<string, string> => ({
  'retry-after': String(Math.ceil(waitMs / 1_000)),
});

function callOf(
  { address, params, key, query, userAgent }: Asked,
  principal: Principal | null,
  sessionId: string | null,
  body: unknown,
): Call {
  return { principal, sessionId, params, key, body, query, address, userAgent };
}

function tokenOf(header: string): string | null {
  return /^bearer /i.test(header) ? header.slice(7).trim() : null;
}

function isJson(contentType: string): boolean {
  return /^application\/json\s*(;|$)/i.test(contentType);
}
