import { describe, expect, it } from 'vitest';
import { maskedPhone, phoneIn } from '../../src/domain/phone.ts';

describe('a phone number', () => {
  it('is the same however it is written', () => {
    for (const text of ['+14155550123', '+1 415 555 0123', '+1 (415) 555-0123', '+1.415.555.0123'])
      expect(phoneIn(text)).toBe('+14155550123');
    expect(phoneIn('+49 1511 2345678')).toBe('+4915112345678');
  });

  it('is none without a country, too short, too long, or of no plan', () => {
    for (const text of [
      '4155550123',
      '00491511234567',
      '+1',
      '+141555501234567',
      '+999 1234567',
      '+1 415 555 012a',
      '+',
      '',
    ])
      expect(phoneIn(text)).toBeNull();
  });

  it('is shown by its last two digits', () => {
    expect(maskedPhone(phoneIn('+14155550123')!)).toBe('…23');
  });
});
