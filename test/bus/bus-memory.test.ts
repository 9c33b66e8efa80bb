import { describe, expect, it } from 'vitest';

import { type Fate, MemoryBusHub } from '../../src/bus/bus-memory.ts';
import { createWallClock } from '../../src/lib/clock.ts';
import { VirtualClock } from '../../src/sim/virtual/virtual-clock.ts';
import { testBus } from './bus-suite.ts';

testBus('memory', () => {
  const hub = new MemoryBusHub();
  const clock = createWallClock();
  return {
    async connect(name) {
      const bus = hub.connect(name, clock);
      return {
        bus,
        cut: async () => bus.setReachable(false),
        mend: async () => bus.setReachable(true),
        end: async () => bus.close(),
      };
    },
  };
});

describe('the bus in memory, when the simulation is unkind', () => {
  /** Two buses, and what b has heard with the moment of each. */
  async function twoBuses(fate?: Fate) {
    const clock = new VirtualClock(0);
    const hub = new MemoryBusHub(fate === undefined ? {} : { fate });
    const [a, b] = [hub.connect('a', clock), hub.connect('b', clock)];
    const heard: string[] = [];
    await b.listen('t', (bytes) => heard.push(`${bytes[0]}@${clock.nowMs()}`));
    const run = (): void => {
      while (clock.fireNext(1_000));
    };
    return { clock, hub, a, b, heard, run };
  }

  it('loses, delays and repeats as it is told, for each listener', async () => {
    const fates: number[][] = [[], [30], [5, 40], [0]];
    const asked: string[] = [];
    const { a, heard, run } = await twoBuses((topic, from, to) => {
      asked.push(`${topic} ${from} ${to}`);
      return fates.shift()!;
    });
    for (const i of [1, 2, 3, 4]) a.publish('t', Uint8Array.of(i));
    run();
    expect(heard).toEqual(['4@0', '3@5', '2@30', '3@40']);
    expect(asked).toEqual(Array.from({ length: 4 }, () => 't a b'));
  });

  it('delivers nothing over a connection that was cut meanwhile', async () => {
    const { a, b, heard, run } = await twoBuses(() => [30]);
    a.publish('t', Uint8Array.of(1));
    b.setReachable(false);
    b.setReachable(true);
    a.publish('t', Uint8Array.of(2));
    run();
    expect(heard).toEqual(['2@30']);
  });

  it('tells of one gap for a connection that flickers, and of none while it is cut', async () => {
    const { b, run } = await twoBuses();
    let gaps = 0;
    b.onGap(() => (gaps += 1));
    for (const isReachable of [false, true, false, true, true]) b.setReachable(isReachable);
    expect(gaps).toBe(0);
    run();
    expect(gaps).toBe(1);
    b.setReachable(false);
    run();
    expect(gaps).toBe(1);
  });

  it('gives every listener bytes of its own', async () => {
    const { clock, hub, a, b, run } = await twoBuses();
    const c = hub.connect('c', clock);
    const heard: number[] = [];
    for (const bus of [b, c]) {
      await bus.listen('own', (bytes) => {
        heard.push(bytes[0]!);
        bytes[0] = 99;
      });
    }
    a.publish('own', Uint8Array.of(1));
    run();
    expect(heard).toEqual([1, 1]);
  });
});
