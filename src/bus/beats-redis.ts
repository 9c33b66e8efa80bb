import type { Cluster, Redis } from 'ioredis';

import type { ReplicaId } from '../domain/ids.ts';
import { assert } from '../lib/assert.ts';
import type { Clock } from '../lib/clock.ts';
import { BEATS_TTL_MS, type RedisKeys } from '../protocol/redis-keys.ts';
import type { BeatInfo, Beaten, Beats, Roll } from './beats.ts';

const ANSWER_TIMEOUT_MS = 1_000;
/** Who has not beaten for so many leases is forgotten. */
const FORGOTTEN_AFTER_LEASES = 20;

/**
 * KEYS as in BeatKeys: [1] roll, [2] infos, [3] epoch. ARGV[1] own id, [2] own info, [3] epoch known to the caller, [4] lease in ms,
 * [5] ms after which members are forgotten, [6] life of the keys in ms.
 * Answers the epoch, then id, age in ms and info of each one alive, by id. Moments in the future are those of a clock that was set
 * back: they begin anew, so that nobody dead lives until then.
 */
const BEAT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')) do
  redis.call('ZADD', KEYS[1], now, id)
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[5])) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
local alive = redis.call('ZRANGEBYSCORE', KEYS[1], now - ARGV[4], '+inf', 'WITHSCORES')
local ids, ages = {}, {}
for i = 1, #alive, 2 do
  ids[#ids + 1] = alive[i]
  ages[alive[i]] = now - alive[i + 1]
end
table.sort(ids)
local stood = redis.call('HMGET', KEYS[3], 'epoch', 'alive')
local epoch = math.max(tonumber(stood[1] or 0) or 0, tonumber(ARGV[3]))
local stands = table.concat(ids, ' ')
if stood[2] ~= stands then epoch = epoch + 1 end
redis.call('HSET', KEYS[3], 'epoch', string.format('%d', epoch), 'alive', stands)
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], ARGV[6]) end
local infos = redis.call('HMGET', KEYS[2], unpack(ids))
local answer = { epoch }
for i, id in ipairs(ids) do
  answer[#answer + 1] = id
  answer[#answer + 1] = ages[id]
  answer[#answer + 1] = infos[i]
end
return answer`;

/** KEYS[1] roll, [2] infos. ARGV[1] own id. */
const LEAVE = `
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])`;

export interface RedisBeatsOptions {
  readonly redis: Redis | Cluster;
  readonly keys: RedisKeys;
  readonly replicaId: ReplicaId;
  /** The same on all replicas. */
  readonly leaseMs: number;
  /** For the time-out only: ages are Redis' own. */
  readonly clock: Clock;
}

/**
 * The roll in Redis. A beat is never kept for later: it rejects while the connection is down (`code` ECONNREFUSED), and while an
 * earlier one is unanswered (ETIMEDOUT), so that they do not pile up before a Redis that hangs. One that was given up may still count.
 */
export function createRedisBeats(options: RedisBeatsOptions): Beats {
  const { redis, replicaId, leaseMs, clock } = options;
  const keys = options.keys.beats();
  let isUnanswered = false;
  return {
    async beat(info, knownEpoch) {
      assert(Number.isSafeInteger(knownEpoch) && knownEpoch >= 0, 'epochs are whole numbers');
      if (redis.status !== 'ready') throw failure('ECONNREFUSED');
      if (isUnanswered) throw failure('ETIMEDOUT');
      isUnanswered = true;
      const settings = [knownEpoch, leaseMs, leaseMs * FORGOTTEN_AFTER_LEASES, BEATS_TTL_MS];
      const own = [replicaId, JSON.stringify(info)];
      const answer = redis
        .eval(BEAT, 3, keys.roll, keys.infos, keys.epoch, ...own, ...settings)
        .finally(() => (isUnanswered = false));
      return readRoll(await inTime(answer, clock));
    },
    async leave() {
      if (redis.status !== 'ready') throw failure('ECONNREFUSED');
      await inTime(redis.eval(LEAVE, 2, keys.roll, keys.infos, replicaId), clock);
    },
  };
}

/** Rejects with a code when the answer does not come in time, or is a failure; the answer is then nobody's any more. */
function inTime<T>(answer: Promise<T>, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ANSWER_TIMEOUT_MS, () => reject(failure('ETIMEDOUT')));
    answer
      .finally(() => timer.cancel())
      .then(resolve, (error: Error) => reject(failure('ECONNRESET', error)));
  });
}

function failure(code: string, cause?: Error): Error {
  return Object.assign(new Error('could not beat in Redis', { cause }), { code });
}

/** Throws when the answer is not that of the script. */
function readRoll(answer: unknown): Roll {
  assert(Array.isArray(answer) && answer.length % 3 === 1, 'the roll is an epoch and triples');
  const [epoch, ...rest] = answer as unknown[];
  const members: Beaten[] = [];
  for (let i = 0; i < rest.length; i += 3) {
    const [replicaId, ageMs, info] = rest.slice(i, i + 3);
    members.push({ replicaId: replicaId as ReplicaId, ageMs: Number(ageMs), info: readInfo(info) });
  }
  return { epoch: Number(epoch), members };
}

/** What cannot be read, for another version wrote it or somebody else, is as if it had not been said. */
function readInfo(text: unknown): BeatInfo {
  const said = parse(text);
  const count = (value: unknown): number =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
  return {
    url: typeof said.url === 'string' ? said.url : null,
    newsSeq: count(said.newsSeq),
    openRequests: count(said.openRequests),
    canStore: said.canStore !== false,
  };
}

function parse(text: unknown): { readonly [Field in keyof BeatInfo]?: unknown } {
  if (typeof text !== 'string') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch (error) {
    assert(error instanceof SyntaxError, 'text fails to be JSON in one way only');
    return {};
  }
}
