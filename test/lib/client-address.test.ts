import { BlockList, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientAddress, isLoopback } from '../../src/lib/client-address.ts';

const PROXY = Uint8Array.of(10, 0, 0, 1);
const behindProxy = (forwardedFor: string): string => clientAddress(() => PROXY.buffer, forwardedFor);
const socket = (...bytes: number[]): string => clientAddress(() => Uint8Array.from(bytes).buffer, '');
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

describe('the address of a client', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['203.0.113.9, 192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '20010db800010002'],
    ['2001:db8:1:2::9', '20010db800010002'],
    ['[2001:db8:1:2::9]:4711', '20010db800010002'],
    ['::1', '0000000000000000'],
    ['1::', '0001000000000000'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['fe80::1%eth0', 'fe80000000000000'],
  ])('behind a proxy is what that one has written last: %s (R10)', (forwardedFor, address) => {
    expect(behindProxy(forwardedFor)).toBe(address);
  });

  it.each(['unknown', '_hidden', ',', '192.0.2', '192.0.2.1:x', '[::1', '1:2:3', '203.0.113.9, '])(
    'is the proxy’s own where it has written none: %j (R10)',
    (forwardedFor) => expect(behindProxy(forwardedFor)).toBe('10.0.0.1'),
  );

  it('is the socket’s where no proxy is trusted, and asked of it only then', () => {
    expect(socket(192, 0, 2, 1)).toBe('192.0.2.1');
    expect(socket(...MAPPED, 192, 0, 2, 1)).toBe('192.0.2.1');
    const never = (): ArrayBuffer => {
      throw new Error('it was asked for');
    };
    expect(clientAddress(never, '192.0.2.1')).toBe('192.0.2.1');
  });

  it('in IPv6 is one for a /64, however it is written, as Node judges it (R10)', () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
    const zeros = fc.constantFrom('0', '0', '0');
    const written = fc
      .array(fc.oneof(group, zeros), { minLength: 8, maxLength: 8 })
      .map((groups) => groups.join(':'));
    const short = (address: string): string => address.replace(/\b0(:0)+\b/, ':').replace(/:::?/, '::');
    fc.assert(
      fc.property(written, written, (one, other) => {
        fc.pre(!one.startsWith('0:0:0:0:0:ffff') && !other.startsWith('0:0:0:0:0:ffff'));
        const subnet = new BlockList();
        subnet.addSubnet(one, 64, 'ipv6');
        expect(behindProxy(one) === behindProxy(other)).toBe(subnet.check(other, 'ipv6'));
        if (isIPv6(short(one))) expect(behindProxy(short(one))).toBe(behindProxy(one));
      }),
      { numRuns: 500 },
    );
  });

  it('is this machine’s for 127.0.0.0/8 and ::1 alone', () => {
    const is = (...bytes: number[]): boolean => isLoopback(Uint8Array.from(bytes).buffer);
    expect([is(127, 1, 2, 3), is(...MAPPED, 127, 0, 0, 1), is(...new Array<number>(15).fill(0), 1)]).toEqual([
      true,
      true,
      true,
    ]);
    expect([is(10, 0, 0, 1), is(...MAPPED, 10, 0, 0, 1), is(...new Array<number>(16).fill(0)), is()]).toEqual(
      [false, false, false, false],
    );
  });
});
