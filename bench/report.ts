/**
 * What the benchmarks share: rounds, medians, and rows that say how we compare.
 * @module
 */

/** Whether to do as little as possible. */
export const once: boolean = process.env.BENCH_ONCE === '1';

/** `rounds`, or 1 in CI. */
export const rounds = (count: number): number => (once ? 1 : count);

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Milliseconds that `run` takes. */
export const milliseconds = (run: () => unknown): number => {
  const start = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - start) / 1e6;
};

export interface Peer {
  readonly name: string;
  readonly value: number;
}

/** One line: ours, the peer's, the ratio, the goal. */
export const row = (
  what: string,
  value: number,
  unit: string,
  { peer, goal }: { readonly peer?: Peer | undefined; readonly goal?: string } = {},
): void => {
  const ours = `${format(value)} ${unit}`;
  const beside = peer
    ? `  ${peer.name} ${format(peer.value)} ${unit}, ratio ${(value / peer.value).toFixed(2)}`
    : '';
  console.log(`${what.padEnd(44)} ${ours.padStart(12)}${beside}${goal ? `  (goal ${goal})` : ''}`);
};

const format = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
