import { Type } from 'typebox';

const Ms = Type.Integer({ minimum: 0, description: 'Unix milliseconds' });

/** What a sign-in and a refresh answer, whoever signs in. */
export const TokensSchema = Type.Object(
  {
    sessionId: Type.String(),
    accessToken: Type.String({ description: 'goes with every request, as a bearer token' }),
    accessExpiresMs: Ms,
    refreshToken: Type.String({ description: 'good once: for the next two tokens' }),
    refreshExpiresMs: Ms,
  },
  { $id: 'Tokens' },
);
