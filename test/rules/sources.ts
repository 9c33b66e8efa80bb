import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

import ts from 'typescript';

const root = path.resolve(import.meta.dirname, '..', '..');

/** One TypeScript file of the project, parsed. */
export interface Source {
  /** From the checkout's top, with slashes: `src/geo/driver-index.ts`. */
  readonly file: string;
  readonly tree: ts.SourceFile;
}

/** One name that a file takes from another. */
export interface Import {
  /** The file it comes from, as in Source; for a package its name as written. */
  readonly from: string;
  /** The exported name; `*` for all of them (a namespace, or a dynamic import). */
  readonly name: string;
  /** Only the type checker sees it. */
  readonly isTypeOnly: boolean;
}

/** All TypeScript files of the folders (of those that exist), parsed once. */
export function sourcesOf(...folders: string[]): Source[] {
  return folders.flatMap((folder) => filesBelow(folder)).map(parse);
}

function filesBelow(folder: string): string[] {
  try {
    const entries = readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true });
    return entries
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
      .sort();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw cause;
  }
}

function parse(file: string): Source {
  return parseText(file, readFileSync(path.join(root, file), 'utf8'));
}

/** Parses a text as if it were that file. */
export function parseText(file: string, text: string): Source {
  return { file, tree: ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true) };
}

/** What a file imports: statically, re-exported, dynamically and in types (`import('./x.ts').X`). */
export function importsOf({ file, tree }: Source): Import[] {
  const found: Import[] = [];
  const add = (specifier: ts.Node | undefined, name: string, isTypeOnly: boolean): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const isRelative = specifier.text.startsWith('.');
    const from = isRelative ? path.posix.join(path.posix.dirname(file), specifier.text) : specifier.text;
    found.push({ from, name, isTypeOnly });
  };
  visit(tree, (node) => {
    if (ts.isImportDeclaration(node))
      for (const one of namesOf(node.importClause)) add(node.moduleSpecifier, ...one);
    else if (ts.isExportDeclaration(node))
      for (const one of reexportedNames(node)) add(node.moduleSpecifier, ...one);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], '*', false);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, '*', true);
  });
  return found;
}

function namesOf(clause: ts.ImportClause | undefined): [string, boolean][] {
  if (clause === undefined) return [['', false]];
  const isTypeOnly = clause.phaseModifier === ts.SyntaxKind.TypeKeyword;
  const names: [string, boolean][] = clause.name ? [['default', isTypeOnly]] : [];
  const bindings = clause.namedBindings;
  if (bindings === undefined) return names;
  if (ts.isNamespaceImport(bindings)) return [...names, ['*', isTypeOnly]];
  for (const one of bindings.elements)
    names.push([(one.propertyName ?? one.name).text, isTypeOnly || one.isTypeOnly]);
  return names;
}

function reexportedNames(node: ts.ExportDeclaration): [string, boolean][] {
  if (node.exportClause === undefined || !ts.isNamedExports(node.exportClause))
    return [['*', node.isTypeOnly]];
  return node.exportClause.elements.map((one) => [
    (one.propertyName ?? one.name).text,
    node.isTypeOnly || one.isTypeOnly,
  ]);
}

/** Calls `look` with every node of the tree, parents first. */
export function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node);
  ts.forEachChild(node, (child) => visit(child, look));
}
