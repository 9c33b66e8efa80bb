import { Type } from 'typebox';
import { ACCOUNT_ID_PATTERN } from '../domain/ids.ts';
import type { Operation } from './operation.ts';

const Rows = Type.Array(Type.Object({}), { description: 'as stored, by the names of its fields' });
const PersonExportSchema = Type.Object(
  {
    account: Type.Object({}, { description: 'name, number, and of a driver the car' }),
    sessions: Rows,
    trips: Rows,
    ratingsGiven: Rows,
    callsForHelp: Rows,
    suspicions: Rows,
  },
  { $id: 'PersonExport' },
);
const AccountParams = { accountId: Type.String({ pattern: ACCOUNT_ID_PATTERN }) };

/** What people may ask of their data, and an admin for them. */
export const PRIVACY_OPERATIONS = {
  exportAccount: {
    method: 'get',
    path: '/v1/accounts/{accountId}/export',
    summary: 'All that is kept of a person.',
    permission: 'account.export',
    rate: 'write',
    params: AccountParams,
    status: 200,
    answer: PersonExportSchema,
  },
  eraseAccount: {
    method: 'delete',
    path: '/v1/accounts/{accountId}',
    summary:
      'Erase a person for ever: nobody can read what was kept; trips keep the id. Refused during a trip.',
    permission: 'account.erase',
    rate: 'write',
    params: AccountParams,
    status: 204,
    answer: null,
  },
} as const satisfies Record<string, Operation>;
