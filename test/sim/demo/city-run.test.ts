import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/config.ts';
import { issueToken } from '../../../src/gateway/auth.ts';
import { createWallClock } from '../../../src/lib/clock.ts';
import { SILENT_LOG } from '../../../src/lib/log.ts';
import { createPrng } from '../../../src/lib/prng.ts';
import { startNode } from '../../../src/node.ts';
import { until } from '../../../src/private-processes.ts';
import { HABITS, phoneHabitsAt } from '../../../src/sim/apps/habits.ts';
import { generateCity } from '../../../src/sim/city/generated.ts';
import { CityRun } from '../../../src/sim/demo/city-run.ts';
import { marketOfCity } from '../../../src/sim/demo/city-market.ts';
import { HeapClock } from '../../../src/sim/demo/heap-clock.ts';
import { PingPacker } from '../../../src/sim/demo/ping-packer.ts';
import { SocketLine } from '../../../src/sim/demo/socket-line.ts';
import { TokenLine } from '../../../src/sim/demo/token-line.ts';
import { auditTrips } from '../../../src/store/audit-postgres.ts';
import { freshDatabase, freshRedis } from '../../stores.ts';
import { PERSONAL } from '../../personal-secrets.ts';

const database = await freshDatabase();
const redis = await freshRedis();
const SPEED = 60;
const SECRET = 'a secret of this test, long enough to be one';

describe('a small city on a real server', () => {
  it('R1 to R6 hold while lines are lost, offers declined, PINs mistyped and trips given up', async () => {
    const wall = createWallClock();
    const city = generateCity({ seed: 3, durationMs: 4 * 60_000, fleet: 60, demandFactor: 2 });
    const market = marketOfCity(city, 'batch');
    const clock = createWallClock({ speed: SPEED, startMs: city.startMs });
    const node = await startNode({
      config: readConfig({}, ['--port', '0']),
      ...{ markets: [market], clock, authSecrets: [SECRET], log: SILENT_LOG },
      ...PERSONAL,
      codeOutboxDir: null,
      databaseUrl: database.url,
      redisUrl: redis.url,
    });
    const appsClock = new HeapClock(clock, 2 * SPEED);
    const troubles: string[] = [];
    const context = {
      serverUrl: `ws://127.0.0.1:${node.port}`,
      packer: new PingPacker(),
      onTrouble: (what: string) => troubles.push(what),
    };
    const run = new CityRun({
      ...{ city, beginsMs: city.startMs, clock: appsClock, wall, prng: createPrng(3), runTag: 'test' },
      habits: {
        phone: phoneHabitsAt(HABITS.phone, SPEED),
        driver: {
          ...HABITS.driver,
          ...{ declines: 0.15, ignores: 0.05, givesUp: 0.1, mistypesPin: 0.2, lostEveryMs: 240_000 },
        },
        rider: { ...HABITS.rider, cancelsMatched: 0.1, lostEveryMs: 240_000 },
      },
      noShowMs: market.noShowMs,
      pingStretch: () => 2,
      openLine: (role, subject, events) =>
        new TokenLine(
          () =>
            issueToken({
              ...{ secret: Buffer.from(SECRET), role, subject, ttlS: 3_600, wallNowMs: wall.nowMs() },
            }),
          (token) => new SocketLine(context, token, events),
        ),
      onTrouble: context.onTrouble,
    });
    const waitFor = (what: string, isSo: () => boolean) =>
      until({ clock: wall, what, timeoutMs: 20_000, everyMs: 20 }, () => Promise.resolve(isSo() || null));
    try {
      await run.comeOnline();
      await run.begin();
      await waitFor('trips that are over', () => run.book.counts.completed >= 3);
      const { counts } = run.book;
      expect(counts.requests).toBeGreaterThan(20);
      expect(counts.matched).toBeGreaterThan(10);
      run.wrapUp();
      await waitFor('an empty city', () => run.isWrappedUp);
      expect(run.counts.driver.resumed + run.counts.rider.resumed).toBeGreaterThan(10);
      expect(run.counts.driver.gaps + run.counts.rider.gaps).toBe(0);
      expect(troubles.filter((what) => what.includes('that is none'))).toEqual([]);
    } finally {
      run.close();
      appsClock.stop();
      await node.stop();
    }
    const { clean, violations, checked } = await auditTrips(database.sql);
    expect(violations).toEqual([]);
    expect(clean).toBe(true);
    expect(checked.trips).toBe(run.book.counts.requests);
    const [row] = await database.sql<{ open: number }[]>`
      select count(*)::int as open from trips where status not in ('completed', 'cancelled', 'expired')`;
    expect(row!.open).toBe(0);
  }, 60_000);
});
