import { describe, expect, it } from 'vitest';
import { normalEmail } from '../../src/domain/email.ts';
import { normalPassword, passwordFault } from '../../src/domain/password.ts';

const EMAIL = 'anna.kowalski@example.com';

describe('a password', () => {
  it.each([
    ...['short-one-11', 'correct horse battery', 'Tr0ub4dor&3abc', 'пароль мой длинный', '73#k2!9$5@7%1q'],
    ...['x'.repeat(0) + 'my 12 little pigs', 'ab1'.repeat(40) + 'defghijk'],
  ])('is taken: %s', (password) => {
    expect(passwordFault(password, EMAIL)).toBeNull();
  });

  it.each([
    ...[
      'elevenchars',
      'password1234',
      'Password2024!',
      'P@ssw0rd-2025!',
      '123456789012',
      'qwertyuiop123',
      'aaaaaaaaaaaa',
    ],
    ...['abababababab', 'letmeinletmein', 'summer2024!!', 'administrator1', '1qaz2wsx3edc', 'changeme-now!'],
    ...[
      'anna.kowalski@example.com',
      'anna.kowalski77',
      'ANNA.KOWALSKI!',
      'x1y2z3'.repeat(22),
      '😀'.repeat(11),
    ],
  ])('is refused: %s', (password) => {
    expect(passwordFault(password, EMAIL)).not.toBeNull();
  });

  it('is the same from two keyboards', () => {
    expect(normalPassword('Cafe\u0301 au lait!')).toBe(normalPassword('Caf\u00e9 au lait!'));
  });
});

describe('an e-mail address', () => {
  it('is compared without case and blanks', () => {
    expect(normalEmail('  Anna.K@Example.COM ')).toBe('anna.k@example.com');
  });

  it.each([
    '',
    'anna',
    '@example.com',
    'a@b',
    'a b@example.com',
    'a@b@example.com',
    'a\0b@example.com',
    `${'a'.repeat(65)}@b.de`,
  ])('is none: %j', (text) => {
    expect(normalEmail(text)).toBeNull();
  });
});
