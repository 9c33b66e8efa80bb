import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  APPROVAL_STATES,
  type ApprovalState,
  approvalAfter,
  REVIEWS,
} from '../../src/domain/driver-approval.ts';

const steps = fc.array(fc.constantFrom(...REVIEWS, 'submit' as const), { maxLength: 30 });

describe('the approval of a driver', () => {
  it('is given by an operator alone, to what was submitted: no way of submitting leads to it', () => {
    for (const state of APPROVAL_STATES) expect(approvalAfter(state, 'submit')).not.toBe('approved');
    expect(approvalAfter('draft', 'approve')).toBeNull();
    expect(approvalAfter('suspended', 'approve')).toBeNull();
  });

  it('ends with a suspension that only an operator ends, and then it is to be approved anew', () => {
    for (const state of APPROVAL_STATES.filter((one) => one !== 'suspended'))
      expect(approvalAfter(state, 'suspend')).toBe('suspended');
    expect(approvalAfter('suspended', 'submit')).toBeNull();
    expect(approvalAfter('suspended', 'reinstate')).toBe('submitted');
  });

  it('is always the work of the last decision, whatever came before', () => {
    fc.assert(
      fc.property(steps, (all) => {
        let state: ApprovalState = 'draft';
        let last: string | null = null;
        for (const step of all) {
          const next = approvalAfter(state, step);
          if (next === null) continue;
          [state, last] = [next, step];
        }
        if (state === 'approved') expect(last).toBe('approve');
        if (state === 'suspended') expect(last).toBe('suspend');
      }),
    );
  });
});
