import { isIPv4, isIPv6 } from 'node:net';

/**
 * Who is at the other end, as a key for limits: the socket's own address, or, where a proxy of the operator's stands in
 * front, the last entry of X-Forwarded-For (the one that proxy wrote; those before it are the client's to invent), with or without a port.
 * What is no address there counts as the proxy's own. An IPv6 address counts as its /64, which is what one customer is given.
 * `remote` is asked for only where it counts: it is a system call. `forwardedFor` is '' where no proxy is trusted.
 */
export function clientAddress(remote: () => ArrayBuffer, forwardedFor: string): string {
  const told =
    forwardedFor === '' ? null : addressIn(forwardedFor.slice(forwardedFor.lastIndexOf(',') + 1).trim());
  return told ?? addressOf(new Uint8Array(remote()));
}

function addressOf(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (isMappedIpv4(bytes)) return bytes.subarray(12).join('.');
  return Buffer.from(bytes.subarray(0, 8)).toString('hex');
}

/** The same of an address in letters, or null: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`. */
function addressIn(text: string): string | null {
  const host = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([^:]*):\d+$/.exec(text)?.[1] ?? text;
  if (isIPv4(host)) return host;
  return isIPv6(host) ? addressOf(ipv6Bytes(host)) : null;
}

/** Of a valid address; a zone (`%eth0`) means nothing elsewhere. */
function ipv6Bytes(text: string): Uint8Array {
  const [address = ''] = text.split('%');
  const [head = '', tail] = address.split('::');
  const front = groupsOf(head);
  const back = tail === undefined ? [] : groupsOf(tail);
  const groups = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** 16 bits each; an IPv4 address at the end is two. */
function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

/** True for 127.0.0.0/8, also mapped into IPv6, and for ::1. */
export function isLoopback(remote: ArrayBuffer): boolean {
  const bytes = new Uint8Array(remote);
  if (bytes.length === 4) return bytes[0] === 127;
  if (isMappedIpv4(bytes)) return bytes[12] === 127;
  return bytes.length === 16 && bytes[15] === 1 && bytes.subarray(0, 15).every((byte) => byte === 0);
}

function isMappedIpv4(bytes: Uint8Array): boolean {
  if (bytes.length !== 16 || bytes[10] !== 0xff || bytes[11] !== 0xff) return false;
  return bytes.subarray(0, 10).every((byte) => byte === 0);
}
