/** A rule of design.md (`R1` to `R10`), or what no program may do at all: `bug` = an assertion or an error without a code. */
export interface RuleViolation {
  readonly rule: string;
  readonly tripId: string | null;
  readonly detail: string;
}

export type Report = (violation: RuleViolation) => void;
