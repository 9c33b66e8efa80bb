import { Counter, Gauge, type Registry } from 'prom-client';

type Samples = Iterable<readonly [labels: Record<string, string>, value: number]>;
/** Publishes a metric, `hexdispatch_` before its name; `read` is called each time Prometheus asks. */
export type Publish = (name: string, labelNames: string[], help: string, read: () => Samples) => void;

/** Publishers that read a number kept elsewhere each time Prometheus asks. */
export function publishers(registry: Registry): { totals: Publish; levels: Publish } {
  return {
    totals(name, labelNames, help, read) {
      const counter: Counter = new Counter({
        ...{ name: `hexdispatch_${name}`, help, labelNames, registers: [registry] },
        collect: () => {
          counter.reset();
          for (const [labels, value] of read()) counter.inc(labels, value);
        },
      });
    },
    levels(name, labelNames, help, read) {
      const gauge: Gauge = new Gauge({
        ...{ name: `hexdispatch_${name}`, help, labelNames, registers: [registry] },
        collect: () => {
          gauge.reset();
          for (const [labels, value] of read()) gauge.set(labels, value);
        },
      });
    },
  };
}

/** One sample a name. */
export const by = (label: string, counts: object): Samples =>
  Object.entries(counts).map(([name, value]) => [{ [label]: name }, value as number] as const);
/** A metric without labels. */
export const one = (value: number): Samples => [[{}, value]];
