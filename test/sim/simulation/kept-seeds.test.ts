import { expect, it } from 'vitest';
import { runWorld } from '../../../src/sim/simulation/run-world.ts';

/**
 * Seeds that failed when they were found, with what it was; each stands for many that failed the same way. A change of the world's
 * plan gives a seed another world (70, 145 and 202 were found with more rides), so test/dispatch holds each bug by itself too.
 */
it.each([
  // An acceptance, cancellation or expiry was stored and its answer lost: nobody looked, and the rider never heard of it.
  [16, 'R6: a rider was left with a trip that had ended'],
  // A restart showed drivers on a trip as free: `available` may not become `on_trip`, so the store's word was thrown away.
  [21, 'R6: at_pickup in the index while on trip'],
  [29, 'R6: at_pickup in the index while on trip'],
  // A late `started` bound a driver again whose trip had ended: answers of the store overtake one another.
  [31, 'R6: on_trip in the index without a trip'],
  [30, 'R6: to_pickup in the index without a trip'],
  // The acceptance was learnt of by the time-out alone, which says nothing of where the driver goes.
  [32, 'R6: offered in the index while to_pickup'],
  // A trip given up and looked up when the next driver had it: the first was shown as driving it.
  [70, 'R6: to_pickup in the index with a trip of another'],
  // A cancellation was heard of before the acceptance it ended: offered for ever, and the app told of them in that order.
  [145, 'R6: offered in the index without an offer'],
  // `complete` was carried out by a deposed server; the repeat was answered from the key, and its successor learnt nothing.
  [202, 'R6: on_trip in the index without a trip'],
  // When another driver accepted a trip was taken for when this one did: an old trip seemed the newest.
  [245, 'R6: available in the index while at_pickup'],
])(
  'seed %i stays clean (%s)',
  async (seed) => {
    const { violations, trace } = await runWorld({ seed, canary: null });
    expect(violations, trace.join('\n')).toEqual([]);
  },
  30_000,
);

/**
 * The same for three replicas. Most were found before the plan was as it is now, and are other worlds by now; each bug is held by
 * itself in test/dispatch-desk/among-replicas.test.ts: a change looked up after a lost answer was told to nobody else; a driver
 * whose trip had ended unheard came to a replica as still bound; a sweep passed over what a faster clock had dated in the future;
 * drivers who had long been elsewhere went off duty for their first replica's death; a seat was taken away by a dead connection.
 */
it.each([
  // The expiry was told while news were lost, and the request was not among the trips to be looked up then.
  [75, 'R6: a rider was left searching'],
  [193, 'R6: a rider was left searching'],
  // The acceptance was told while news were lost, then the trip was given up: that seemed older than the driver's trip before.
  [442, 'R6: to_pickup in the index without a trip'],
])(
  'seed %i of three replicas stays clean (%s)',
  async (seed) => {
    const { violations, trace } = await runWorld({ seed, canary: null, replicas: 3 });
    expect(violations, trace.join('\n')).toEqual([]);
  },
  60_000,
);
