import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Town } from '../gateway/town.ts';

let town: Town;
afterEach(() => town.close());

/** What a page or a style sheet loads. */
const linksIn = (text: string): string[] =>
  [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link!);

describe('the page of the contract', () => {
  it('loads all that it needs from this server, and may run no script of its own', async () => {
    town = await Town.open();
    const page = await fetch(town.url('/docs'));
    const html = await page.text();
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const policy = page.headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'none'; script-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(html).not.toMatch(/<script(?! src=)|<style|\son\w+=/);
    const links = linksIn(html);
    expect(links).toHaveLength(4);
    for (const link of links) {
      expect(link).toMatch(/^\/docs\//);
      const file = await fetch(town.url(link));
      expect(file.status, link).toBe(200);
      expect(file.headers.get('x-content-type-options')).toBe('nosniff');
      expect((await file.arrayBuffer()).byteLength).toBeGreaterThan(100);
    }
    const start = await (await fetch(town.url('/docs/start.js'))).text();
    const [, contract] = /url: '([^']+)'/.exec(start)!;
    expect((await fetch(town.url(contract!))).status).toBe(200);
    expect(start).not.toMatch(/https?:/);
  });

  it('is sent again only when it has changed', async () => {
    town = await Town.open();
    const at = town.url('/docs/swagger-ui.css');
    const first = await fetch(at);
    const etag = first.headers.get('etag')!;
    expect(first.headers.get('content-encoding')).toBe('gzip');
    expect(first.headers.get('cache-control')).toBe('no-cache');
    const again = await fetch(at, { headers: { 'if-none-match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
    const other = await fetch(at, { headers: { 'if-none-match': '"other"', 'accept-encoding': 'identity' } });
    expect([other.status, other.headers.get('content-encoding')]).toEqual([200, null]);
    expect(await other.text()).toBe(await first.text());
  });

  it('arrives whole at who reads slowly', async () => {
    town = await Town.open();
    const path = '/docs/swagger-ui-bundle.js';
    const whole = await (await fetch(town.url(path))).text();
    const socket = net.connect(town.port, '127.0.0.1');
    socket.pause();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await once(socket, 'readable');
    let text = '';
    for await (const chunk of socket.setEncoding('utf8') as AsyncIterable<string>) {
      text += chunk;
      if (text.endsWith(whole.slice(-200))) break;
    }
    expect(text.slice(text.indexOf('\r\n\r\n') + 4) === whole).toBe(true);
  });

  it('R10: counts with the rate of the address', async () => {
    town = await Town.open({}, { address: { perS: 0.001, burstMax: 2 } });
    const statuses = [];
    for (let n = 0; n < 3; n++) statuses.push((await fetch(town.url('/docs'))).status);
    expect(statuses).toEqual([200, 200, 429]);
  });
});

describe('behind TLS', () => {
  it('every answer tells browsers to come no other way', async () => {
    town = await Town.open({}, {}, undefined, null, { isBehindTls: true });
    for (const path of ['/docs', '/livez', '/v1/openapi.json', '/v1/trips/x', '/nowhere'])
      expect((await fetch(town.url(path))).headers.get('strict-transport-security'), path).toBe(
        'max-age=63072000; includeSubDomains',
      );
  });

  it('without it none does: a browser would be shut out for two years', async () => {
    town = await Town.open();
    for (const path of ['/docs', '/livez', '/nowhere'])
      expect((await fetch(town.url(path))).headers.get('strict-transport-security'), path).toBeNull();
  });
});
