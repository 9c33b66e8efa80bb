import { describe, expect, it } from 'vitest';
import { DEMO_USAGE, parseDemoOptions, UsageError } from '../../../src/sim/demo/demo-options.ts';

describe('parseDemoOptions', () => {
  it('has a default for everything', () => {
    expect(parseDemoOptions([])).toEqual({
      forMs: null,
      speed: 20,
      seed: 1,
      city: { kind: 'generated' },
      fromMinute: null,
      fleet: null,
      modes: ['batch'],
      jsonFile: null,
      port: 0,
      drainMs: 20_000,
    });
  });

  it('reads what the issue names', () => {
    const args =
      '--for 30s --speed 20 --seed 7 --json out.json --city sf-2008 --fleet 300 --mode batch,nearest';
    expect(parseDemoOptions([...args.split(' '), '--from', '18:30', '--port=8080', '--drain', '1m'])).toEqual(
      {
        forMs: 30_000,
        speed: 20,
        seed: 7,
        city: { kind: 'recorded', name: 'sf-2008' },
        fromMinute: 18 * 60 + 30,
        fleet: 300,
        modes: ['batch', 'nearest'],
        jsonFile: 'out.json',
        port: 8080,
        drainMs: 60_000,
      },
    );
  });

  it.each([
    [
      ['--traces', 'a.csv', '--trips', 'b.csv'],
      { city: { kind: 'files', tracesFile: 'a.csv', tripsFile: 'b.csv' } },
    ],
    [['--for', '90'], { forMs: 90_000 }],
    [['--for', '1.5m'], { forMs: 90_000 }],
    [['--for'], { forMs: null }],
    [['--for', '--seed', '3'], { forMs: null, seed: 3 }],
  ])('reads %j', (args, expected) => {
    expect(parseDemoOptions(args)).toMatchObject(expected);
  });

  it('answers null to who asks for help, and the usage names every option', () => {
    expect(parseDemoOptions(['--help'])).toBeNull();
    for (const name of [
      'for',
      'speed',
      'seed',
      'city',
      'traces',
      'trips',
      'from',
      'fleet',
      'mode',
      'drain',
      'port',
    ])
      expect(DEMO_USAGE).toContain(`--${name} `);
  });

  it.each([
    [['--sped', '20'], /--sped/],
    [['--speed'], /speed/],
    [['--speed', 'fast'], /--speed is a number from 1 to 120, not "fast"\./],
    [['--speed', '0'], /--speed/],
    [['--seed', '1.5'], /whole/],
    [['--for', '30x'], /--for is a time/],
    [['--for', '0s'], /--for is a time/],
    [['--city', 'atlantis'], /--city knows sf-2008/],
    [['--mode', 'magic'], /--mode knows batch/],
    [['--mode', 'batch,batch'], /twice/],
    [['--from', '25:00'], /--from is a time of day/],
    [['--traces', 'a.csv'], /belong together/],
    [['--city', 'sf-2008', '--traces', 'a', '--trips', 'b'], /exclude/],
    [['--fleet', '0'], /--fleet/],
    [['--port', '70000'], /--port/],
    [['--seed', '1', '--seed', '2'], /twice/],
    [['now'], /"now"/],
  ])('refuses %j in one sentence', (args, message) => {
    expect(() => parseDemoOptions(args)).toThrow(UsageError);
    expect(() => parseDemoOptions(args)).toThrow(message);
    try {
      parseDemoOptions(args);
    } catch (error) {
      expect((error as Error).message.split('\n')).toHaveLength(1);
      expect((error as Error).message).toMatch(/\.$/);
    }
  });
});
