/** What a signed-in account may be; the last three are operators, each with more power than the one before. */
export const ROLES = ['rider', 'driver', 'support', 'operations', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export type OperatorRole = Exclude<Role, 'rider' | 'driver'>;
export const OPERATOR_ROLES: readonly OperatorRole[] = ['support', 'operations', 'admin'];

export const isRole = (text: string): text is Role => (ROLES as readonly string[]).includes(text);
export const isOperatorRole = (role: Role): role is OperatorRole => role !== 'rider' && role !== 'driver';
