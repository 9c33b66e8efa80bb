import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rolesWith } from '../../src/domain/permission.ts';
import { contractFiles } from '../../src/protocol/contract.ts';
import { operation, type OperationId, OPERATIONS } from '../../src/protocol/rest.ts';
import { compileCheck } from '../../src/protocol/schema-check.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import { City } from './city.ts';

const database = await freshDatabase();
const redis = await freshRedis();
const dir = mkdtempSync(path.join(tmpdir(), 'hexdispatch-codes-'));
let city: City;
beforeAll(async () => {
  city = await City.open({ database, redisUrl: redis.url, codeOutboxDir: dir });
});
afterAll(async () => {
  await city.close();
  rmSync(dir, { recursive: true });
});

interface Described {
  readonly operationId: OperationId;
  readonly parameters: { name: string; in: string; required: boolean; example?: string | number }[];
  readonly requestBody?: { content: { 'application/json': { example?: unknown } } };
}
/** As it is published. */
const { paths } = JSON.parse(contractFiles().get('openapi.json')!) as {
  paths: Record<string, Record<string, Described>>;
};
const described = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
);

/** Names of things that are nowhere: each parameter takes the first that fits its schema. */
const NAMES = [
  '00000000-0000-7000-8000-000000000000',
  'nobody',
  'a',
  '0'.repeat(22),
  '0'.repeat(32),
  '1',
  'rider',
];

function pathOf({ path, operationId }: (typeof described)[number]): string {
  const { params = {} } = operation(operationId);
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const check = compileCheck(params[name]!);
    const fitting = NAMES.find((text) => check(text).ok);
    expect(fitting, `${operationId}: give NAMES one that fits {${name}}`).toBeDefined();
    return fitting!;
  });
}

describe('the examples of the contract', () => {
  it('are of every operation', () => {
    expect(described.map(({ operationId }) => operationId).sort()).toEqual(Object.keys(OPERATIONS).sort());
  });

  it.each(described.map((one) => [one.operationId, one] as const))(
    '%s: what is documented fits, as a running server sees it',
    async (id, one) => {
      const { permission, body } = operation(id);
      const query = new URLSearchParams();
      for (const { name, required, example, ...where } of one.parameters) {
        if (where.in !== 'query') continue;
        expect(required && example === undefined, `query ${name} has an example`).toBe(false);
        if (example !== undefined) query.set(name, String(example));
      }
      const example = one.requestBody?.content['application/json'].example;
      expect(body === undefined || example !== undefined, 'its body has an example').toBe(true);
      const [role] = permission === null ? [] : rolesWith(permission);
      const key = one.parameters.find(({ name }) => name === 'Idempotency-Key');
      const { status, body: answer } = await city.http<{ code?: string } | undefined>(
        one.method.toUpperCase() as 'GET',
        `${pathOf(one)}${query.size > 0 ? `?${query.toString()}` : ''}`,
        {
          ...(role === undefined ? {} : { role, id: `example-${id}` }),
          ...(key === undefined ? {} : { key: `example-${id}` }),
          ...(example === undefined ? {} : { body: example }),
        },
      );
      expect([400, 405, 413, 415], JSON.stringify(answer)).not.toContain(status);
      expect(status, JSON.stringify(answer)).toBeLessThan(500);
      expect(answer?.code, JSON.stringify(answer)).not.toBe('bad_message');
      expect(answer?.code).not.toBe('no_such_path');
    },
  );
});
