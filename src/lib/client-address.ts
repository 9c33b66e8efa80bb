/**
 * Who is at the other end, as a key for limits: the socket's own address, or, where a proxy of the operator's stands in
 * front, the last entry of X-Forwarded-For (the one that proxy wrote; those before it are the client's to invent).
 * An IPv6 address counts as its /64, which is what one customer is given.
 */
export function clientAddress(remote: ArrayBuffer, forwardedFor: string | null): string {
  if (forwardedFor !== null && forwardedFor !== '') {
    return forwardedFor.slice(forwardedFor.lastIndexOf(',') + 1).trim();
  }
  const bytes = new Uint8Array(remote);
  if (bytes.length === 4) return bytes.join('.');
  if (isMappedIpv4(bytes)) return bytes.subarray(12).join('.');
  return Buffer.from(bytes.subarray(0, 8)).toString('hex');
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
