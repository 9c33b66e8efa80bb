import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type uWS from 'uWebSockets.js';
import type { Rejection } from '../domain/rejection.ts';
import type { Exchange } from './exchange.ts';
import { problemOf } from './problem.ts';

/** A file as it is served: fixed while the server runs. */
export interface StaticFile {
  readonly contentType: string;
  readonly bytes: Buffer;
  readonly gzip: Buffer;
  /** Strong, of the content. */
  readonly etag: string;
}

export interface DocsOptions {
  readonly watcher: {
    answer(res: uWS.HttpResponse, operation: string, by: (exchange: Exchange) => void): void;
  };
  /** Why the address may not ask now, or null. */
  readonly refusalOf: (res: uWS.HttpResponse, req: uWS.HttpRequest) => Rejection | null;
}

/** The page's own script, a file since the page's policy allows no other. Nothing is told to a validator elsewhere. */
const START = `window.ui = SwaggerUIBundle({
  url: '/v1/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
  withCredentials: false,
});
`;
const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>hexdispatch REST</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;
const OF_PACKAGE = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/** The contract as a page to read and try at `/docs`: Swagger UI from the installed package, nothing from elsewhere. */
export function mountDocs(app: uWS.TemplatedApp, { watcher, refusalOf }: DocsOptions): void {
  for (const [at, load] of docsFiles()) {
    let file: StaticFile | null = null;
    app.get(at, (res, req) => {
      const refusal = refusalOf(res, req);
      const has = req.getHeader('if-none-match');
      const takesGzip = /\bgzip\b/.test(req.getHeader('accept-encoding'));
      watcher.answer(res, 'docs', (exchange) => {
        if (refusal !== null) return exchange.problem(problemOf(refusal));
        // Compressed when first asked for: most servers never are.
        file ??= load();
        exchange.file(file, { has, takesGzip });
      });
    });
  }
}

function docsFiles(): Map<string, () => StaticFile> {
  const folder = path.dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const files = new Map<string, () => StaticFile>();
  const page = (): StaticFile => fileOf('text/html; charset=utf-8', Buffer.from(PAGE));
  files.set('/docs', page);
  files.set('/docs/', page);
  files.set('/docs/start.js', () => fileOf('text/javascript; charset=utf-8', Buffer.from(START)));
  for (const [name, contentType] of Object.entries(OF_PACKAGE))
    files.set(`/docs/${name}`, () => fileOf(contentType, readFileSync(path.join(folder, name))));
  return files;
}

function fileOf(contentType: string, bytes: Buffer): StaticFile {
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  return { contentType, bytes, gzip: gzipSync(bytes), etag };
}
