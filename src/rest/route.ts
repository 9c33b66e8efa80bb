import type uWS from 'uWebSockets.js';
import { IsInteger, IsNumber, IsOptional } from 'typebox';
import { type Permission, rolesWith } from '../domain/permission.ts';
import { rejected, type Rejection } from '../domain/rejection.ts';
import type { Role } from '../domain/role.ts';
import { type KeyUse, keyUseOf, type RateClass } from '../protocol/operation.ts';
import { operation, type OperationId, OPERATIONS } from '../protocol/rest.ts';
import { compileCheck, type SchemaCheck } from '../protocol/schema-check.ts';
import type { Call, Handler } from './call.ts';

/** An operation as the server serves it: its row of the contract's table, compiled, and its handler. */
export interface Route {
  readonly id: OperationId;
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'del';
  /** As uWebSockets.js writes it: `/v1/trips/:tripId`. */
  readonly pattern: string;
  readonly permission: Permission | null;
  /** Those who have the permission; null: everybody, without a token. */
  readonly roles: readonly Role[] | null;
  readonly rate: RateClass;
  /** Of an accepted answer. */
  readonly status: number;
  /** What an Idempotency-Key does; null: nothing. */
  readonly keyUse: KeyUse | null;
  readonly handle: Handler;
  readonly checkBody: SchemaCheck<unknown> | null;
  /** In the order of the path. */
  readonly params: readonly { name: string; check: SchemaCheck<unknown> }[];
  readonly query: readonly QueryField[];
}

interface QueryField {
  readonly name: string;
  readonly check: SchemaCheck<unknown>;
  readonly isNumber: boolean;
  readonly isOptional: boolean;
}

/** The routes of all operations that have a handler, in the table's order. */
export function routesOf(handlers: Readonly<Partial<Record<OperationId, Handler>>>): Route[] {
  return (Object.keys(OPERATIONS) as OperationId[]).flatMap((id) => {
    const handle = handlers[id];
    return handle === undefined ? [] : [routeOf(id, handle)];
  });
}

function routeOf(id: OperationId, handle: Handler): Route {
  const described = operation(id);
  const { method, path, permission, rate, status, body, params = {}, query = {} } = described;
  return {
    ...{ id, permission, rate, status, handle, keyUse: keyUseOf(described) },
    method: method === 'delete' ? 'del' : method,
    pattern: path.replaceAll(/\{(\w+)\}/g, ':$1'),
    roles: permission === null ? null : rolesWith(permission),
    checkBody: body === undefined ? null : compileCheck(body),
    params: [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      name: name!,
      check: compileCheck(params[name!]!),
    })),
    query: Object.entries(query).map(([name, schema]) => ({
      ...{ name, check: compileCheck(schema), isNumber: IsNumber(schema) || IsInteger(schema) },
      isOptional: IsOptional(schema),
    })),
  };
}

const NO_PARAMS: Call['params'] = {};

/** The path's parameters, or `not_found`: there can be no such thing. */
export function readParams(route: Route, req: uWS.HttpRequest): Call['params'] | Rejection {
  if (route.params.length === 0) return NO_PARAMS;
  const params: Record<string, string> = {};
  for (const [at, { name, check }] of route.params.entries()) {
    const value = decoded(req.getParameter(at) ?? '');
    if (value === null || !check(value).ok) return rejected('not_found');
    params[name] = value;
  }
  return params;
}

/** The query's fields, or what is wrong with the first that does not fit. Fields the operation does not know are ignored. */
export function readQuery(route: Route, req: uWS.HttpRequest): Call['query'] | Rejection {
  const query: Record<string, string | number> = {};
  for (const { name, check, isNumber, isOptional } of route.query) {
    const text = req.getQuery(name);
    if (text === undefined && isOptional) continue;
    const value = isNumber ? numberOf(text) : (text ?? '');
    const checked = check(value);
    if (!checked.ok) return rejected('bad_message', `query ${name}: ${checked.detail ?? ''}`);
    query[name] = value;
  }
  return query;
}

export const isRejection = (read: object): read is Rejection => 'ok' in read && read.ok === false;

/** The number that the whole text is, or NaN, which no schema takes. */
function numberOf(text: string | undefined): number {
  return text === undefined || text.trim() === '' ? NaN : Number(text);
}

/** Percent-encoding undone, or null where it is none. */
function decoded(text: string): string | null {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
