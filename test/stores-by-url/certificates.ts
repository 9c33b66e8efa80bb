import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import path from 'node:path';

/** PEM files of one authority and one server certificate by it, made for a test. */
export interface Certificates {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Writes an authority and a certificate for `hosts` (names or IPv4 addresses) into `dir`: X.509 v3 (RFC 5280), P-256. */
export async function makeCertificates(dir: string, hosts: readonly string[]): Promise<Certificates> {
  const [authority, server] = [newKey(), newKey()];
  const names = { ca: 'hexdispatch test authority', server: 'hexdispatch test server' };
  const ca = certificate({
    subject: names.ca,
    publicKey: authority.publicKey,
    issuer: names.ca,
    signer: authority.privateKey,
    // basicConstraints, critical: this is an authority.
    extensions: [
      der(0x30, oid('551d13'), der(0x01, Buffer.of(0xff)), der(0x04, der(0x30, der(0x01, Buffer.of(0xff))))),
    ],
  });
  const cert = certificate({
    subject: names.server,
    publicKey: server.publicKey,
    issuer: names.ca,
    signer: authority.privateKey,
    extensions: [der(0x30, oid('551d11'), der(0x04, der(0x30, ...hosts.map(alternativeName))))],
  });
  const files = ['ca.crt', 'server.crt', 'server.key'].map((name) => path.join(dir, name));
  const [caFile = '', certFile = '', keyFile = ''] = files;
  await writeFile(caFile, pem(ca));
  await writeFile(certFile, pem(cert));
  await writeFile(keyFile, server.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return { caFile, certFile, keyFile };
}

const newKey = (): { publicKey: KeyObject; privateKey: KeyObject } =>
  generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

function certificate(options: {
  subject: string;
  publicKey: KeyObject;
  issuer: string;
  signer: KeyObject;
  extensions: readonly Buffer[];
}): Buffer {
  const key = options.publicKey.export({ type: 'spki', format: 'der' });
  const algorithm = der(0x30, oid('2a8648ce3d040302'));
  const body = der(
    0x30,
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.concat([Buffer.of(1), createHash('sha256').update(key).digest().subarray(0, 8)])),
    algorithm,
    nameOf(options.issuer),
    der(0x30, der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('491231235959Z'))),
    nameOf(options.subject),
    key,
    der(0xa3, der(0x30, ...options.extensions)),
  );
  const signature = sign('sha256', body, options.signer);
  return der(0x30, body, algorithm, der(0x03, Buffer.of(0), signature));
}

const nameOf = (text: string): Buffer =>
  der(0x30, der(0x31, der(0x30, oid('550403'), der(0x0c, Buffer.from(text)))));

const alternativeName = (host: string): Buffer =>
  isIP(host) === 4 ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host));

const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));

function der(tag: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), body]);
}

const pem = (bytes: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
