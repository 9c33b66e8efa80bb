import { ROLES, type Role } from './role.ts';

/** How far a permission reaches: `own` = what belongs to the account itself, `any` = everybody's. */
export type Reach = 'own' | 'any';

const OPERATORS = { support: 'any', operations: 'any', admin: 'any' } as const;
const RUNNING = { operations: 'any', admin: 'any' } as const;
const ADMIN = { admin: 'any' } as const;
const MEMBERS = { rider: 'own', driver: 'own' } as const;
const EVERYBODY = { ...MEMBERS, ...OPERATORS } as const;

/**
 * Who may do what: the only table of it. Every route and every command of a socket names the permission it needs; with `own` the object
 * is looked at too, and another's is `not_found`, so that nobody learns what there is.
 */
const PERMISSIONS = {
  'socket.open': MEMBERS,
  'trip.request': { rider: 'own' },
  'trip.quote': { rider: 'own' },
  'trip.watch': { rider: 'own' },
  'trip.drive': { driver: 'own' },
  'trip.read': EVERYBODY,
  'trip.cancel': { ...MEMBERS, ...OPERATORS },
  'trip.assign': RUNNING,
  'trip.search': OPERATORS,
  'trip.explain': OPERATORS,
  'trip.share': { rider: 'own' },
  'trip.rate': MEMBERS,
  'trip.tip': { rider: 'own' },
  'sos.raise': MEMBERS,
  'sos.handle': OPERATORS,
  'place.connect': MEMBERS,
  'place.nearby': EVERYBODY,
  'duty.change': { driver: 'own' },
  'location.send': { driver: 'own' },
  'account.read': MEMBERS,
  'account.change': MEMBERS,
  'account.export': { ...MEMBERS, ...ADMIN },
  'account.erase': { ...MEMBERS, ...ADMIN },
  'session.read': { rider: 'own', driver: 'own', support: 'own', operations: 'own', admin: 'own' },
  'session.revoke': { rider: 'own', driver: 'own', support: 'own', operations: 'own', admin: 'own' },
  'file.upload': MEMBERS,
  'person.search': OPERATORS,
  'person.read': OPERATORS,
  'person.suspend': RUNNING,
  'driver.review': RUNNING,
  'market.read': OPERATORS,
  'market.change': ADMIN,
  'market.numbers': OPERATORS,
  'promo.change': RUNNING,
  'operator.manage': ADMIN,
  'key.manage': ADMIN,
  'webhook.manage': ADMIN,
  'audit.read': ADMIN,
} as const satisfies Record<string, Readonly<Partial<Record<Role, Reach>>>>;

export type Permission = keyof typeof PERMISSIONS;

/** How far the role's permission reaches, or null when it has none. */
export function reachOf(role: Role, permission: Permission): Reach | null {
  const reaches: Readonly<Partial<Record<Role, Reach>>> = PERMISSIONS[permission];
  return reaches[role] ?? null;
}

/** The roles that have a permission, in the order of ROLES. */
export const rolesWith = (permission: Permission): Role[] =>
  ROLES.filter((role) => reachOf(role, permission) !== null);
