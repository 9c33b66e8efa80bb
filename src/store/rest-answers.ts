/** One write of an account, as its client named it. */
export interface KeyedWrite {
  /** Role and id. */
  readonly account: string;
  /** The Idempotency-Key. */
  readonly key: string;
  readonly operation: string;
  /** 32 bytes: the same for the same operation, path and body. */
  readonly fingerprint: Uint8Array;
  /** Unix ms of the wall clock; with the key it names this try. */
  readonly beganMs: number;
}

/** What is known of a write: to be done now; done, with its answer; being done by another; or the key was another write's. */
export type KnownWrite =
  | { readonly state: 'begun' }
  | { readonly state: 'done'; readonly answer: Buffer }
  | { readonly state: 'under_way' }
  | { readonly state: 'other' };

/** Answers by the keys of their writes (R5). All methods reject when the store is out of reach. */
export interface RestAnswers {
  /** Of several tries at once one is `begun`. One that began at `staleMs` or before and has no answer was cut off: the next is begun instead. */
  begin(write: KeyedWrite, staleMs: number): Promise<KnownWrite>;
  /** Keeps the answer of the try, unless another has begun since. */
  keep(write: KeyedWrite, answer: Uint8Array): Promise<void>;
  /** Forgets the try, as if it had never been. */
  drop(write: KeyedWrite): Promise<void>;
}
