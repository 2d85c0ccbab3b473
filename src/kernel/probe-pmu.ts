/**
 * @module
 * Probes as perf events: what /sys/bus/event_source/devices says of the kinds `kprobe` and `uprobe` (Linux 4.17,
 * Documentation/ABI/testing/sysfs-bus-event_source-devices).
 */
import { kernelFile } from '../syscall/index.ts';

/** A kind of probe that perf_event_open knows. */
export interface ProbePmu {
  /** Its number. */
  readonly type: number;
  /** The bit of `config` that asks for the return of a function. */
  readonly returns: bigint;
  /** How far to shift the offset of a counter that turns the probe on; undefined before Linux 4.20. */
  readonly referenceShift: bigint | undefined;
}

/** undefined where the kernel has no such probes. */
export const probePmu = (kind: 'kprobe' | 'uprobe'): ProbePmu | undefined => {
  const directory = `/sys/bus/event_source/devices/${kind}`;
  const type = Number.parseInt(read(`${directory}/type`), 10);
  if (Number.isNaN(type)) return undefined;
  // `config:0`, `config:32-63`
  const bit = (format: string) => /config:(\d+)/.exec(read(`${directory}/format/${format}`))?.[1];
  const reference = bit('ref_ctr_offset');
  return {
    type,
    returns: 1n << BigInt(bit('retprobe') ?? 0),
    referenceShift: reference === undefined ? undefined : BigInt(reference),
  };
};

const read = (path: string): string => kernelFile(path) ?? '';
