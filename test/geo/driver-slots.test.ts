import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DriverId } from '../../src/domain/ids.ts';
import { DriverSlots } from '../../src/geo/driver-slots.ts';
import { createPrng } from '../../src/lib/prng.ts';

describe('driver slots', () => {
  it('agree with a Map under any order of binding and unbinding, nearly full or not', () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(20, 512, 3_000), (seed, drivers) => {
        const prng = createPrng(seed);
        const slots = new DriverSlots();
        const model = new Map<DriverId, number>();
        const free = Array.from({ length: drivers }, (_, slot) => slot);
        for (let step = 0; step < drivers * 4; step++) {
          const driverId = `driver-${prng.int(drivers)}` as DriverId;
          expect(slots.slotOf(driverId)).toBe(model.get(driverId) ?? -1);
          // A hint never changes the answer, however wrong it is.
          expect(slots.slotOf(driverId, prng.int(drivers + 2) - 1)).toBe(model.get(driverId) ?? -1);
          const slot = model.get(driverId);
          if (slot === undefined) {
            const taken = free.pop()!;
            slots.bind(driverId, taken);
            model.set(driverId, taken);
          } else if (prng.chance(0.6)) {
            slots.unbind(driverId);
            model.delete(driverId);
            free.push(slot);
          }
        }
        for (const [driverId, slot] of model) {
          expect([slots.slotOf(driverId), slots.driverOf(slot)]).toEqual([slot, driverId]);
          const bytes = Buffer.from(`<${driverId}>`, 'latin1');
          expect(slots.slotOfBytes(bytes, 1, driverId.length)).toBe(slot);
          expect(slots.slotOfBytes(bytes, 0, bytes.length)).toBe(-1);
        }
        for (const slot of free) expect(slots.driverOf(slot)).toBeNull();
        expect(slots.count).toBe(model.size);
      }),
      { numRuns: 20 },
    );
  });
});
