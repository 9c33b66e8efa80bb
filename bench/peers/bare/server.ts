import uWS from 'uWebSockets.js';
import { announce, portOf } from '../peer-process.ts';

/**
 * The limit: what uWebSockets.js needs to receive a frame and count it, or to answer a GET with JSON that stands ready. A message of one byte is no
 * ping but asks for the counts. `BODY_BYTES`: how long the JSON of `/body` is.
 */
const BODY_BYTES_DEFAULT = 1_024;
const HEAD = '{"body":"';
const TAIL = '"}';
const bodyBytes = Number(process.env['BODY_BYTES'] ?? BODY_BYTES_DEFAULT);
const body = `${HEAD}${'x'.repeat(Math.max(0, bodyBytes - HEAD.length - TAIL.length))}${TAIL}`;
const IDLE_TIMEOUT_S = 60;

let received = 0;
const counts = (): string => `"received":${received},"stored":${received},"matched":0`;
const json = (res: uWS.HttpResponse, text: string): void => {
  res.writeHeader('content-type', 'application/json').end(text);
};

uWS
  .App()
  .ws('/*', {
    compression: 0,
    maxPayloadLength: 64 * 1024,
    idleTimeout: IDLE_TIMEOUT_S,
    sendPingsAutomatically: true,
    message: (ws, bytes) => {
      if (bytes.byteLength === 1) ws.send(`{"type":"stat",${counts()}}`);
      else received += 1;
    },
  })
  .get('/healthz', (res) => json(res, '{"ok":true}'))
  .get('/body', (res) => json(res, body))
  .get('/stats', (res) => json(res, `{${counts()},"pid":${process.pid}}`))
  .listen('127.0.0.1', portOf(process.env), (socket) => {
    if (!socket) throw new Error('the port is taken');
    announce(uWS.us_socket_local_port(socket));
  });
