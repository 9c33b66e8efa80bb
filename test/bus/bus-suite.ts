import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Bus } from '../../src/bus/bus.ts';

/** One replica's bus, and the wire to its store. */
export interface BusUnderTest {
  readonly bus: Bus;
  /** Resolves when the connection is known to be lost. */
  cut(): Promise<void>;
  /** Lets the connection come back by itself. */
  mend(): Promise<void>;
  /** Ends the bus and its connections. */
  end(): Promise<void>;
}

/** A store that all buses of one test share. */
export interface BusStore {
  connect(name: string): Promise<BusUnderTest>;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const soon = { timeout: 10_000, interval: 5 };

/** What bus.ts promises. */
export function testBus(name: string, createStore: () => BusStore): void {
  describe(`the bus in ${name}`, () => {
    let a: BusUnderTest;
    let b: BusUnderTest;
    let topics = 0;
    const newTopic = (): string => `bus-test:{${++topics}}`;

    beforeEach(async () => {
      const store = createStore();
      [a, b] = await Promise.all([store.connect('a'), store.connect('b')]);
    });
    afterEach(() => Promise.all([a.end(), b.end()]));

    /** Listens and keeps what was heard. */
    async function ear(on: BusUnderTest, topic: string): Promise<string[]> {
      const heard: string[] = [];
      await on.bus.listen(topic, (bytes) => heard.push(textOf(bytes)));
      return heard;
    }

    it('tells everybody who listens, the sender too, and nobody else', async () => {
      const [topic, other] = [newTopic(), newTopic()];
      const ears = await Promise.all([ear(a, topic), ear(b, topic), ear(b, other)]);
      a.bus.publish(topic, bytesOf('for all'));
      b.bus.publish(other, bytesOf('for b'));
      await vi.waitFor(() => expect(ears).toEqual([['for all'], ['for all'], ['for b']]), soon);
    });

    it('leaves the bytes as they are', async () => {
      const topic = newTopic();
      const heard: Uint8Array[] = [];
      await b.bus.listen(topic, (bytes) => heard.push(bytes));
      const all = Uint8Array.from({ length: 256 }, (_, i) => i);
      // A view into a larger buffer, as an encoder gives it.
      const view = new Uint8Array(1_000).fill(7).subarray(10, 20);
      const large = new Uint8Array(300_000).fill(13);
      for (const bytes of [all, new Uint8Array(0), view, large]) a.bus.publish(topic, bytes);
      await vi.waitFor(() => expect(heard).toHaveLength(4), soon);
      const sent = [all, new Uint8Array(0), new Uint8Array(10).fill(7), large];
      expect(heard.map((bytes) => Buffer.from(bytes).toString('hex'))).toEqual(
        sent.map((bytes) => Buffer.from(bytes).toString('hex')),
      );
    });

    it('keeps the order of one sender on a topic, and counts', async () => {
      const topic = newTopic();
      const heard = await ear(b, topic);
      const sent = Array.from({ length: 500 }, (_, i) => String(i).padStart(4, '0'));
      for (const text of sent) a.bus.publish(topic, bytesOf(text));
      await vi.waitFor(() => expect(heard).toHaveLength(500), soon);
      expect(heard).toEqual(sent);
      expect(a.bus.counts).toEqual({ sent: 500, sentBytes: 2_000, heard: 0, heardBytes: 0, lost: 0 });
      expect(b.bus.counts).toEqual({ sent: 0, sentBytes: 0, heard: 500, heardBytes: 2_000, lost: 0 });
    });

    it('misses nothing once it says that it listens', async () => {
      for (let i = 0; i < 5; i++) {
        const topic = newTopic();
        const heard = await ear(b, topic);
        a.bus.publish(topic, bytesOf('first'));
        await vi.waitFor(() => expect(heard).toEqual(['first']), soon);
      }
    });

    it('never calls inside publish, nor after unlisten', async () => {
      const [topic, fence] = [newTopic(), newTopic()];
      const heard = await ear(a, topic);
      const after = await ear(a, fence);
      a.bus.publish(topic, bytesOf('late'));
      expect(heard).toEqual([]);
      a.bus.unlisten(topic);
      a.bus.unlisten('never listened to');
      a.bus.publish(fence, bytesOf('after'));
      await vi.waitFor(() => expect(after).toEqual(['after']), soon);
      expect(heard).toEqual([]);
      const again = await ear(a, topic);
      a.bus.publish(topic, bytesOf('again'));
      await vi.waitFor(() => expect(again).toEqual(['again']), soon);
      expect(heard).toEqual([]);
    });

    it('takes the last word of listen and unlisten in one turn', async () => {
      const [topic, fence] = [newTopic(), newTopic()];
      const after = await ear(b, fence);
      const first = b.bus.listen(topic, () => expect.unreachable('it was left'));
      b.bus.unlisten(topic);
      const heard: string[] = [];
      const second = b.bus.listen(topic, (bytes) => heard.push(textOf(bytes)));
      await Promise.all([first, second]);
      a.bus.publish(topic, bytesOf('once'));
      await vi.waitFor(() => expect(heard).toEqual(['once']), soon);

      b.bus.unlisten(topic);
      const third = b.bus.listen(topic, () => expect.unreachable('it was left'));
      b.bus.unlisten(topic);
      await third;
      a.bus.publish(topic, bytesOf('nobody'));
      a.bus.publish(fence, bytesOf('after'));
      await vi.waitFor(() => expect(after).toEqual(['after']), soon);
    });

    it('has one listener a topic', async () => {
      const topic = newTopic();
      await ear(a, topic);
      expect(() => void a.bus.listen(topic, () => undefined)).toThrow('listened to already');
    });

    it('R6 loses and counts what is published without a connection', async () => {
      const topic = newTopic();
      const heard = await ear(b, topic);
      await a.cut();
      a.bus.publish(topic, bytesOf('lost'));
      a.bus.publish(topic, bytesOf('lost too'));
      expect(a.bus.counts).toMatchObject({ sent: 0, lost: 2 });
      await a.mend();
      await vi.waitFor(() => {
        a.bus.publish(topic, bytesOf('through'));
        expect(heard).not.toEqual([]);
      }, soon);
      expect(new Set(heard)).toEqual(new Set(['through']));
    });

    it('R6 tells of a gap once it hears again, every topic, by itself', async () => {
      const names = Array.from({ length: 20 }, newTopic);
      const ears = await Promise.all(names.map((topic) => ear(b, topic)));
      const gaps: string[] = [];
      b.bus.onGap(() => gaps.push('one'));
      b.bus.onGap(() => gaps.push('two'));
      await b.cut();
      for (const topic of names) a.bus.publish(topic, bytesOf('missed'));
      expect(gaps).toEqual([]);
      await b.mend();
      await vi.waitFor(() => expect(gaps).toEqual(['one', 'two']), soon);
      for (const topic of names) a.bus.publish(topic, bytesOf('heard'));
      await vi.waitFor(() => expect(ears).toEqual(names.map(() => ['heard'])), soon);
      expect(gaps).toEqual(['one', 'two']);
    });

    it('R6 rejects to listen without a connection, and listens as soon as there is one', async () => {
      const [topic, left] = [newTopic(), newTopic()];
      const heard: string[] = [];
      let gaps = 0;
      b.bus.onGap(() => (gaps += 1));
      await b.cut();
      const listening = b.bus.listen(topic, (bytes) => heard.push(textOf(bytes)));
      await expect(listening).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      const leaving = b.bus.listen(left, () => expect.unreachable('it was left'));
      await expect(leaving).rejects.toThrow(left);
      b.bus.unlisten(left);
      await b.mend();
      await vi.waitFor(() => expect(gaps).toBe(1), soon);
      a.bus.publish(left, bytesOf('nobody'));
      a.bus.publish(topic, bytesOf('heard'));
      await vi.waitFor(() => expect(heard).toEqual(['heard']), soon);
    });

    it('outlives being cut again and again', async () => {
      const topic = newTopic();
      const heard = await ear(b, topic);
      for (let i = 1; i <= 3; i++) {
        let gaps = 0;
        b.bus.onGap(() => (gaps += 1));
        await b.cut();
        await b.mend();
        await vi.waitFor(() => expect(gaps).toBe(1), soon);
        a.bus.publish(topic, bytesOf(`${i}`));
        await vi.waitFor(() => expect(heard).toHaveLength(i), soon);
      }
      expect(heard).toEqual(['1', '2', '3']);
    });

    it('is silent once closed', async () => {
      const [topic, fence] = [newTopic(), newTopic()];
      const heard = await ear(a, topic);
      const after = await ear(b, fence);
      a.bus.close();
      a.bus.publish(topic, bytesOf('from the dead'));
      b.bus.publish(topic, bytesOf('to the dead'));
      b.bus.publish(fence, bytesOf('after'));
      await vi.waitFor(() => expect(after).toEqual(['after']), soon);
      expect(heard).toEqual([]);
      expect(a.bus.counts).toMatchObject({ sent: 0, lost: 1 });
    });
  });
}
