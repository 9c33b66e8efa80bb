import { createConfig, lintFromString } from '@redocly/openapi-core';
import { describe, expect, it } from 'vitest';
import { contractFiles } from '../../src/protocol/contract.ts';

/** What Redocly's recommended rules say of a document: warnings as well. */
async function faults(name: string, document: string): Promise<string[]> {
  const config = await createConfig({ extends: ['recommended'] });
  const problems = await lintFromString({ source: document, absoluteRef: `/${name}`, config });
  return problems.map(
    ({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer ?? ''}`,
  );
}

describe('the contract', () => {
  const files = contractFiles();

  it('passes the linter', async () => {
    expect(await faults('openapi.json', files.get('openapi.json')!)).toEqual([]);
  });

  it('would not, had it a fault', async () => {
    const document = JSON.parse(files.get('openapi.json')!) as {
      paths: Record<string, { post: { operationId?: string; requestBody: { content: object } } }>;
    };
    const { post } = document.paths['/v1/quotes']!;
    delete post.operationId;
    post.requestBody.content = { 'application/json': { schema: { $ref: '#/components/schemas/Nothing' } } };
    const found = await faults('openapi.json', JSON.stringify(document));
    expect(found.map((fault) => fault.split(':')[0])).toEqual(
      expect.arrayContaining(['operation-operationId', 'no-unresolved-refs']),
    );
  });
});
