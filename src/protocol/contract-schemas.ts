import type { TSchema } from 'typebox';

/** JSON values, as documents are made of. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/**
 * Schemas with an `$id` become components of a document, and where one is used inside another it is referred to instead of
 * repeated. Fills `components` as it goes; the keys are the ids.
 */
export class SchemaComponents {
  readonly components: JsonObject = {};

  /** A reference to the schema, which becomes a component if it is none yet; a schema without `$id` is given whole. */
  use(schema: TSchema): JsonObject {
    return this.replace(JSON.parse(JSON.stringify(schema)) as Json) as JsonObject;
  }

  /** The schema itself, its inner ones referred to; without its `$id`. */
  body(schema: TSchema): JsonObject {
    const rest = JSON.parse(JSON.stringify(schema)) as JsonObject;
    delete rest.$id;
    return this.replace(rest) as JsonObject;
  }

  private replace(node: Json): Json {
    if (node === null || typeof node !== 'object') return node;
    if (Array.isArray(node)) return node.map((entry) => this.replace(entry));
    const { $id: id, ...rest } = node;
    const replaced: JsonObject = {};
    for (const [key, value] of Object.entries(rest)) replaced[key] = this.replace(value);
    if (typeof id !== 'string') return replaced;
    this.components[id] ??= replaced;
    return { $ref: `#/components/schemas/${id}` };
  }
}
