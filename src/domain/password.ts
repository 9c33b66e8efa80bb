/** Characters (NIST SP 800-63B and OWASP ASVS 2.1: long rather than odd). */
const PASSWORD_LENGTH_MIN = 12;
const PASSWORD_LENGTH_MAX = 128;

/** What long passwords are made of that are guessed first; whoever joins or repeats these has made nothing new. */
const COMMON_PARTS = [
  ...[
    'password',
    'passwort',
    'passw0rd',
    'p@ssword',
    'p@ssw0rd',
    'motdepasse',
    'contrasena',
    'parola',
    'senha',
  ],
  ...['qwertyuiop', 'qwertyui', 'qwerty', 'qwertz', 'azerty', 'asdfghjkl', 'asdfgh', 'zxcvbnm', 'zxcvbn'],
  ...[
    '1qaz2wsx3edc',
    '1qaz2wsx',
    'q1w2e3r4t5y6',
    'q1w2e3r4t5',
    'q1w2e3r4',
    '1q2w3e4r5t',
    '1q2w3e4r',
    'zaq12wsx',
  ],
  ...[
    'abcdefghijkl',
    'abcdefgh',
    'abcdef',
    'abcd',
    'abc',
    '123456789',
    '12345678',
    '1234567',
    '123456',
    '12345',
  ],
  ...[
    '1234',
    '123',
    '987654321',
    '87654321',
    '654321',
    '4321',
    '321',
    '0987654321',
    '09876',
    '111',
    '000',
    '666',
  ],
  ...['letmein', 'welcome', 'iloveyou', 'sunshine', 'princess', 'football', 'baseball', 'superman', 'batman'],
  ...[
    'monkey',
    'dragon',
    'master',
    'shadow',
    'trustno1',
    'starwars',
    'whatever',
    'michael',
    'jordan',
    'liverpool',
  ],
  ...[
    'administrator',
    'admin',
    'operator',
    'support',
    'changeme',
    'change',
    'default',
    'secret',
    'login',
    'guest',
  ],
  ...[
    'hexdispatch',
    'dispatch',
    'company',
    'summer',
    'winter',
    'spring',
    'autumn',
    'hello',
    'test',
    'user',
    'root',
  ],
].sort((a, b) => b.length - a.length);

/** A password as it is hashed: what two keyboards write differently is the same (NIST SP 800-63B 5.1.1.2). */
export const normalPassword = (password: string): string => password.normalize('NFKC');

/** Why the password is not taken, in words for whoever chose it; null when it is. `email` is the account's. */
export function passwordFault(password: string, email: string): string | null {
  const text = normalPassword(password);
  const length = [...text].length;
  if (length < PASSWORD_LENGTH_MIN) return `a password has ${PASSWORD_LENGTH_MIN} characters or more`;
  if (length > PASSWORD_LENGTH_MAX) return `a password has at most ${PASSWORD_LENGTH_MAX} characters`;
  const lower = text.toLowerCase();
  const [local = ''] = email.split('@');
  if (isMadeOf(lower, [email, ...(local.length < 3 ? [] : [local])]))
    return 'a password is not made of the e-mail address';
  if (new Set(lower).size < CHARACTERS_MIN || isMadeOf(lower, COMMON_PARTS))
    return 'this password is among those that are guessed first';
  return null;
}

/** Different ones: fewer is some characters over and over. */
const CHARACTERS_MIN = 5;
/** What a guesser puts around a word (a year, a sign) is shorter. */
const OWN_LENGTH_MIN = 8;

/** Whether little is left of a text without these parts. */
function isMadeOf(text: string, parts: readonly string[]): boolean {
  let rest = text;
  for (const part of parts) rest = rest.replaceAll(part, '');
  return rest.length < text.length && rest.length < OWN_LENGTH_MIN;
}
