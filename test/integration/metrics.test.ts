import { afterEach, describe, expect, it } from 'vitest';
import { freshDatabase, freshRedis } from '../stores.ts';
import { aboard, at, City } from './city.ts';

const database = await freshDatabase();
const redis = await freshRedis();
let city: City;
afterEach(() => city.close());

interface Sample {
  readonly name: string;
  readonly labels: string;
  readonly value: number;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)$/;

/** Reads the text format of Prometheus 0.0.4, all of it or not at all: every line must be a sample of a type told before. */
function samplesOf(text: string): Sample[] {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line);
    if (type !== null) types.set(type[1]!, type[2]!);
    if (line === '' || /^# (HELP|TYPE) \S+ \S/.test(line)) continue;
    const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? [];
    const number = value === '+Inf' ? Infinity : Number(value);
    // As Prometheus reads it (Go's ParseFloat): in whatever case.
    if (name === '' || (Number.isNaN(number) && value.toLowerCase() !== 'nan'))
      throw new Error(`no sample: ${line}`);
    const family = name.replace(/_(bucket|sum|count)$/, '');
    if (!types.has(name) && !types.has(family)) throw new Error(`a sample without a type: ${line}`);
    samples.push({ name, labels, value: number });
  }
  return samples;
}

async function metrics(): Promise<(name: string, ...labels: string[]) => number> {
  const { status, body } = await city.http<string>('GET', '/metrics');
  expect(status).toBe(200);
  // It comes of listing all open files: with every socket a scrape would hold the loop for longer.
  expect(body).not.toContain('process_open_fds');
  const samples = samplesOf(body);
  return (name, ...labels) => {
    const found = samples.filter(
      (sample) =>
        sample.name === `hexdispatch_${name}` && labels.every((label) => sample.labels.includes(label)),
    );
    expect(found, `${name} ${labels.join()}`).toHaveLength(1);
    return found[0]!.value;
  };
}

describe('/metrics', () => {
  it('is Prometheus text, and tells what a ride was made of', async () => {
    city = await City.open({ database, redisUrl: redis.url, flags: ['--geo-flush-ms', '50'] });
    const before = await metrics();
    expect(before('drivers')).toBe(0);
    const driver = await city.driver('driver', at(-100));
    const rider = await city.rider('rider');
    const { tripId } = await aboard(rider, driver);
    driver.ping(at(-100), { agoMs: 600_000 });
    await driver.done({ t: 'snapshot' });
    const during = await metrics();
    expect(during('drivers')).toBe(1);
    expect(during('active_trips')).toBe(1);
    expect(during('connections', 'role="driver"')).toBe(1);
    expect(during('connections', 'role="rider"')).toBe(1);
    expect(during('pings_total', 'outcome="ok"')).toBe(1);
    expect(during('pings_total', 'outcome="older"')).toBe(1);
    expect(during('event_loop_delay_ms', 'quantile="0.999"')).toBeGreaterThanOrEqual(0);

    await driver.done({ t: 'complete', tripId });
    await rider.trip('completed');
    await rider.refused({ t: 'cancel', tripId, reason: 'too late' });
    rider.raw(Buffer.from([0xc1]));
    await rider.wait('error', ({ code }) => code === 'bad_message');
    const after = await metrics();
    expect(after('active_trips')).toBe(0);
    expect(after('open_requests', city.market.marketId)).toBe(0);
    expect(after('store_queue')).toBe(0);
    expect(after('sessions')).toBe(2);
    expect(after('offer_latency_ms_count', 'supply="at_once"')).toBe(1);
    // The ride was offered by a tick; whether another has passed between the two scrapes is chance.
    expect(after('tick_duration_ms_count')).toBeGreaterThan(0);
    expect(after('tick_duration_ms_count')).toBeGreaterThanOrEqual(during('tick_duration_ms_count'));
    expect(after('dispatch_events_total', 'event="offer_opened"')).toBe(1);
    expect(after('dispatch_events_total', 'event="offer_accepted"')).toBe(1);
    expect(after('command_duration_ms_count', 'type="complete"', 'outcome="ok"')).toBe(1);
    expect(after('command_duration_ms_count', 'type="cancel"', 'outcome="wrong_state"')).toBe(1);
    expect(after('messages_in_total', 'type="request"')).toBe(1);
    expect(after('messages_out_total', 'type="offer"')).toBe(1);
    expect(after('refusals_total', 'reason="bad_frame"')).toBe(1);
    expect(after('redis_commands_total', 'purpose="claims"')).toBeGreaterThan(0);
    expect(after('http_responses_total', 'operation="metrics"', 'status="200"')).toBe(2);
    expect(after('bytes_total', 'direction="out"')).toBeGreaterThan(during('bytes_total', 'direction="out"'));
  });
});
