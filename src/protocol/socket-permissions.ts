import { type Permission, reachOf } from '../domain/permission.ts';
import type { DRIVER_MESSAGES, RIDER_MESSAGES } from './messages.ts';

/** The permission that each command of a driver's socket needs; a message without a row does not compile. */
export const DRIVER_PERMISSIONS: Readonly<Record<keyof typeof DRIVER_MESSAGES, Permission>> = {
  ping: 'location.send',
  pings: 'location.send',
  online: 'duty.change',
  offline: 'duty.change',
  accept: 'trip.drive',
  decline: 'trip.drive',
  arrived: 'trip.drive',
  start: 'trip.drive',
  complete: 'trip.drive',
  no_show: 'trip.drive',
  cancel: 'trip.cancel',
  get_trip: 'trip.read',
  snapshot: 'trip.read',
};

/** The same for a rider's. */
export const RIDER_PERMISSIONS: Readonly<Record<keyof typeof RIDER_MESSAGES, Permission>> = {
  quote: 'trip.quote',
  request: 'trip.request',
  cancel: 'trip.cancel',
  nearby: 'place.nearby',
  get_trip: 'trip.read',
  snapshot: 'trip.read',
};

/** Whether an account of this role may send the message; those of the other role it does not know. */
export function mayCommand(role: 'driver' | 'rider', type: string): boolean {
  const table: Readonly<Partial<Record<string, Permission>>> =
    role === 'driver' ? DRIVER_PERMISSIONS : RIDER_PERMISSIONS;
  const permission = table[type];
  return permission !== undefined && reachOf(role, permission) !== null;
}
