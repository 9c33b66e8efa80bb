import type { VehicleClass } from './vehicle.ts';

export const APPROVAL_STATES = ['draft', 'submitted', 'approved', 'rejected', 'suspended'] as const;
export type ApprovalState = (typeof APPROVAL_STATES)[number];

export const REVIEWS = ['approve', 'reject', 'suspend', 'reinstate'] as const;
/** What an operator does to a driver's application. */
export type Review = (typeof REVIEWS)[number];

/** What may follow what: the whole of it. A driver submits (again after a rejection, or when the car changes); an operator does the rest. */
const FOLLOWS: Readonly<Record<Review | 'submit', { from: readonly ApprovalState[]; to: ApprovalState }>> = {
  submit: { from: ['draft', 'submitted', 'rejected', 'approved'], to: 'submitted' },
  approve: { from: ['submitted', 'rejected'], to: 'approved' },
  reject: { from: ['submitted', 'approved'], to: 'rejected' },
  suspend: { from: ['draft', 'submitted', 'approved', 'rejected'], to: 'suspended' },
  reinstate: { from: ['suspended'], to: 'submitted' },
};

/** The state after it, or null when it may not follow. Pure. A suspended driver cannot submit: only an operator lets one back, to be looked at again. */
export function approvalAfter(state: ApprovalState, what: Review | 'submit'): ApprovalState | null {
  const { from, to } = FOLLOWS[what];
  return from.includes(state) ? to : null;
}

/** A car as its driver describes it. */
export interface CarDescription {
  readonly vehicleClass: VehicleClass;
  readonly seats: number;
  readonly model: string;
  readonly colour: string;
  readonly plate: string;
}
