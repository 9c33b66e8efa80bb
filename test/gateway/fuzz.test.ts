import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeDriverMessage, encode, ENCODINGS } from '../../src/protocol/codec.ts';
import { DRIVER_EXAMPLES } from '../../src/protocol/vectors.ts';
import { mutated } from '../protocol/frames.ts';
import { Town } from './town.ts';

const quick = { perS: 1e6, burstMax: 1e6 };

describe('frames from strangers, at a real server', () => {
  let town: Town;
  beforeAll(async () => {
    town = await Town.open({ fixes: quick, commands: quick, badFramesMax: 1e6, commandsInFlightMax: 1e3 });
  });
  afterAll(() => town.close());

  it.each(ENCODINGS)(
    'in %s: each is taken or answered, what is refused never reaches the desk',
    async (encoding) => {
      const app = await town.app('driver', `fuzz-${encoding}`, { encoding });
      const valid = fc
        .constantFrom(...DRIVER_EXAMPLES)
        .map((message) => Uint8Array.from(Buffer.from(encode(message, encoding) as string)));
      const frames = fc.oneof(
        mutated(valid),
        fc.uint8Array({ maxLength: 300 }),
        // Text frames must be UTF-8 by the WebSocket standard itself; what is not is the library's to refuse.
        fc.constant(Uint8Array.from(Buffer.from('91'.repeat(5_000), 'hex'))),
      );
      let refused = 0;
      await fc.assert(
        fc.asyncProperty(frames, async (drawn) => {
          const bytes = encoding === 'json' ? Buffer.from(Buffer.from(drawn).toString('utf8')) : drawn;
          const { commands, fixes } = town.desk;
          commands.length = 0;
          fixes.length = 0;
          const decoded = decodeDriverMessage(bytes, encoding);
          app.socket.send(bytes, { binary: encoding === 'msgpack' });
          const isPing = decoded.ok && !('id' in decoded.value);
          if (!isPing) {
            const answer = await app.next();
            if (decoded.ok) expect(commands.map(({ command }) => command)).toEqual([decoded.value]);
            else expect(answer).toMatchObject({ t: 'error', id: decoded.id, code: decoded.code });
          }
          // An answer after it: the connection lives, and the frame has been dealt with.
          expect((await app.ask({ t: 'snapshot', id: 'alive' })).t).toBe('ack');
          if (decoded.ok) return;
          refused += 1;
          expect(fixes).toEqual([]);
          expect(commands).toHaveLength(1);
        }),
        { numRuns: 400 },
      );
      expect(refused).toBeGreaterThan(50);
      expect(town.errors).toEqual([]);
    },
  );
});
