import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  blindIndex,
  createKeyKeeper,
  EnvelopeError,
  KEY_BYTES,
  newDataKey,
  openText,
  sealText,
} from '../../src/lib/envelope.ts';

const keyOf = (fill: number): Buffer => Buffer.alloc(KEY_BYTES, fill);
const anyText = fc.string({ unit: 'binary', maxLength: 200 });

describe('sealed texts', () => {
  test('come back with their key and context, and never look the same twice', () => {
    fc.assert(
      fc.property(anyText, anyText, (text, context) => {
        const key = newDataKey();
        const sealed = sealText(key, text, context);
        expect(openText(key, sealed, context)).toBe(Buffer.from(text, 'utf8').toString('utf8'));
        expect(sealed.equals(sealText(key, text, context))).toBe(false);
        expect(sealed.length).toBe(Buffer.byteLength(text) + 29);
      }),
    );
  });

  test('do not open when any bit of them is changed, or when they are cut off', () => {
    const key = newDataKey();
    const sealed = sealText(key, '+14155550123', 'account:r1:phone');
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7));
      expect(() => openText(key, changed, 'account:r1:phone')).toThrow(EnvelopeError);
    }
    for (let length = 0; length < sealed.length; length++)
      expect(() => openText(key, sealed.subarray(0, length), 'account:r1:phone')).toThrow(EnvelopeError);
  });

  test('open in no other place and with no other key', () => {
    fc.assert(
      fc.property(anyText, anyText, anyText, (text, context, other) => {
        fc.pre(Buffer.from(context).compare(Buffer.from(other)) !== 0);
        const key = newDataKey();
        const sealed = sealText(key, text, context);
        expect(() => openText(key, sealed, other)).toThrow(EnvelopeError);
        expect(() => openText(newDataKey(), sealed, context)).toThrow(EnvelopeError);
      }),
    );
  });

  test('tell nothing of themselves in the error', () => {
    const sealed = sealText(keyOf(1), 'secret name', 'there');
    expect(() => openText(keyOf(2), sealed, 'there')).toThrow(/^another key or context, or changed bytes$/);
  });
});

describe('the keeper of keys', () => {
  test('wraps with the first and unwraps with all', async () => {
    const before = createKeyKeeper([{ id: 'a', key: keyOf(1) }]);
    const after = createKeyKeeper([
      { id: 'b', key: keyOf(2) },
      { id: 'a', key: keyOf(1) },
    ]);
    const dataKey = newDataKey();
    const old = await before.wrap(dataKey);
    expect(old.keyId).toBe('a');
    expect(await after.unwrap(old.keyId, old.wrapped)).toEqual(dataKey);
    const fresh = await after.wrap(dataKey);
    expect(fresh.keyId).toBe(after.currentKeyId);
    expect(await after.unwrap(fresh.keyId, fresh.wrapped)).toEqual(dataKey);
    await expect(before.unwrap(fresh.keyId, fresh.wrapped)).rejects.toThrow(EnvelopeError);
  });

  test('does not take one key’s wrapping for another’s, nor a changed one', async () => {
    const keeper = createKeyKeeper([
      { id: 'a', key: keyOf(1) },
      { id: 'b', key: keyOf(1) },
    ]);
    const { wrapped } = await keeper.wrap(newDataKey());
    await expect(keeper.unwrap('b', wrapped)).rejects.toThrow(EnvelopeError);
    wrapped[20] = wrapped[20]! ^ 1;
    await expect(keeper.unwrap('a', wrapped)).rejects.toThrow(EnvelopeError);
  });
});

test('a blind index is the same for the same text and secret only', () => {
  fc.assert(
    fc.property(anyText, anyText, (one, other) => {
      expect(blindIndex(keyOf(1), one).equals(blindIndex(keyOf(1), one))).toBe(true);
      const isSame = Buffer.from(one).equals(Buffer.from(other));
      expect(blindIndex(keyOf(1), one).equals(blindIndex(keyOf(1), other))).toBe(isSame);
      expect(blindIndex(keyOf(1), one).equals(blindIndex(keyOf(2), one))).toBe(false);
    }),
  );
});
