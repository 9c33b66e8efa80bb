import ts from 'typescript';
import { describe, expect, it } from 'vitest';

import { type Source, importsOf, parseText, sourcesOf, visit } from './sources.ts';

interface Exported {
  readonly name: string;
  readonly isType: boolean;
}

function exportsOf({ tree }: Source): Exported[] {
  return tree.statements.flatMap((node) => {
    const isExported =
      ts.canHaveModifiers(node) &&
      (ts.getModifiers(node) ?? []).some((one) => one.kind === ts.SyntaxKind.ExportKeyword);
    if (!isExported) return [];
    const isType = ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node);
    if (ts.isVariableStatement(node))
      return node.declarationList.declarations.map((one) => ({ name: one.name.getText(), isType: false }));
    const name = (node as ts.DeclarationStatement).name?.getText();
    return name === undefined ? [] : [{ name, isType }];
  });
}

/** How often a name stands in a file, its declaration included. */
function mentions({ tree }: Source, name: string): number {
  let count = 0;
  visit(tree, (node) => {
    if (ts.isIdentifier(node) && node.text === name) count++;
  });
  return count;
}

/**
 * Exports that no file imports. A type may stay exported when its own file uses it: it is part of what another export takes or
 * answers. A value may not: then it need not be exported.
 */
function unused(declaring: Source[], using: Source[]): string[] {
  const used = new Set(using.flatMap(importsOf).map((one) => `${one.from} ${one.name}`));
  return declaring.flatMap((source) =>
    exportsOf(source)
      .filter(({ name, isType }) => {
        if (used.has(`${source.file} ${name}`) || used.has(`${source.file} *`)) return false;
        return !(isType && mentions(source, name) > 1);
      })
      .map(({ name }) => `${source.file}: ${name}`),
  );
}

describe('exports', () => {
  it('are all used by somebody: delete what nothing uses', () => {
    const declaring = sourcesOf('src');
    expect(unused(declaring, [...declaring, ...sourcesOf('bench', 'sdk', 'test')])).toEqual([]);
  });

  it('would be found', () => {
    const text = `
      export const a = 1, b = 2;
      export function c(of: D): void { c(of); }
      export interface D {}
      export interface E {}
      export class F {}`;
    const files = [
      parseText('src/x.ts', text),
      parseText('src/y.ts', `import { a } from './x.ts'; export const all = 1;`),
      parseText('test/y.test.ts', `import * as y from '../src/y.ts'; import { F as G } from '../src/x.ts';`),
    ];
    expect(unused(files, files)).toEqual(['src/x.ts: b', 'src/x.ts: c', 'src/x.ts: E']);
  });
});
