import { IsInteger, IsNumber, IsOptional, type TSchema } from 'typebox';
import { rolesWith } from '../domain/permission.ts';
import { type Json, type JsonObject, SchemaComponents } from './contract-schemas.ts';
import { keyUseOf } from './operation.ts';
import { IDEMPOTENCY_KEY_PATTERN, operation, type OperationId, OPERATIONS, ProblemSchema } from './rest.ts';

/** Statuses any operation may answer with besides its own. */
const COMMON = [401, 403, 429, 500, 503];

/** The REST half of the contract as an OpenAPI 3.1 document; the same on every run. */
export function openApi(version: string): JsonObject {
  const schemas = new SchemaComponents();
  const paths: JsonObject = {};
  for (const id of Object.keys(OPERATIONS) as OperationId[]) {
    const { path, method } = operation(id);
    paths[path] = { ...(paths[path] as JsonObject | undefined), [method]: describe(id, schemas) };
  }
  const problem = content('application/problem+json', schemas.use(ProblemSchema));
  return {
    openapi: '3.1.0',
    info: {
      title: 'hexdispatch REST',
      version,
      description:
        'The commands of the socket where a socket is not at hand. Unknown fields are ignored. Errors are RFC 9457 problems.',
      license: { name: 'Proprietary', identifier: 'LicenseRef-Proprietary' },
    },
    externalDocs: { description: 'the same as a page, to read and to try', url: '/docs' },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      responses: { Problem: { description: 'why not', content: problem } },
      schemas: schemas.components,
    },
  };
}

function describe(id: OperationId, schemas: SchemaComponents): JsonObject {
  const { path, summary, body, query, status, answer, permission, example } = operation(id);
  const own = [
    ...(body === undefined ? [] : [400, 408, 413, 415, 422]),
    ...(query === undefined ? [] : [422]),
  ];
  if (path.includes('{')) own.push(404);
  if (keyUseOf(operation(id)) !== null) own.push(409, 422);
  const refusals = [...new Set([...COMMON, ...own])].sort((a, b) => a - b);
  const described: JsonObject = {
    operationId: id,
    tags: [tagOf(path)],
    summary,
    description:
      permission === null
        ? 'For everybody, without a token.'
        : `Permission ${permission}: ${rolesWith(permission).join(', ')}.`,
    ...(permission === null ? { security: [] } : {}),
    parameters: parameters(id),
    responses: {
      [status]: {
        description: 'done',
        ...(answer === null ? {} : { content: content('application/json', schemas.use(answer)) }),
      },
      ...Object.fromEntries(refusals.map((code) => [code, { $ref: '#/components/responses/Problem' }])),
    },
  };
  if (body === undefined) return described;
  return {
    ...described,
    requestBody: {
      required: true,
      content: content('application/json', schemas.use(body), example?.body as Json | undefined),
    },
  };
}

function parameters(id: OperationId): JsonObject[] {
  const { params, query, example } = operation(id);
  const keyUse = keyUseOf(operation(id));
  const list: JsonObject[] = Object.entries(params ?? {}).map(([name, schema]) => ({
    ...{ name, in: 'path', required: true },
    schema: new SchemaComponents().use(schema),
  }));
  if (keyUse !== null)
    list.push({
      ...{ name: 'Idempotency-Key', in: 'header', required: keyUse.isRequired },
      description: 'made by the client, new for every command, the same for every repeat of it',
      schema: { type: 'string', pattern: IDEMPOTENCY_KEY_PATTERN },
      example: 'a3f1c2d4-7b60-4c1e-9d55-0c8f6f0a1b2c',
    });
  for (const [name, schema] of Object.entries(query ?? {})) {
    const text = example?.query?.[name];
    list.push({
      ...{ name, in: 'query', required: !IsOptional(schema) },
      schema: new SchemaComponents().use(schema),
      ...(text === undefined ? {} : { example: isNumeric(schema) ? Number(text) : text }),
    });
  }
  return list;
}

const isNumeric = (schema: TSchema): boolean => IsNumber(schema) || IsInteger(schema);

/** Operations are shown by what they are about; what only operators do stands by itself. */
const tagOf = (path: string): string => (path.startsWith('/v1/admin/') ? 'admin' : path.split('/')[2]!);

function content(type: string, schema: JsonObject, example?: Json): JsonObject {
  return { [type]: { schema, ...(example === undefined ? {} : { example }) } };
}
