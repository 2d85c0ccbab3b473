/**
 * @module
 * Where the programs of a tool are in a recorded world: what `attach()` does live, for the hooks whose places a tool
 * finds out. A place is `kprobe/vfs_read`, `tracepoint/sched/sched_switch`, or a byte of a file.
 */
import { encodeUsdtSpec } from '../elf/index.ts';
import { decode } from '../layout/index.ts';
import { type Hook, usdtMaps, variantsOf } from '../object/index.ts';
import type { AnyObject, Attachment } from '../programs/tool.ts';
import type { Simulation } from '../sim/index.ts';
import { filePlace, probeArguments, probePlace } from './recordings-machine.ts';

/** A program at a place. */
export interface AttachedProgram {
  readonly place: string;
  readonly program: string;
  /** What the program gets as its cookie there. */
  readonly cookie: number;
  /** The process that it is limited to. */
  readonly pid: number | undefined;
}

/** Attaches the programs of an object, each by the first of its variants: the recorded kernel has every hook. */
export const attachRecorded = (
  { programs }: AnyObject,
  attachments: Readonly<Record<string, Attachment>>,
  simulation: Simulation,
): readonly AttachedProgram[] =>
  Object.entries(programs).flatMap(([program, entry]) => {
    const { hook } = variantsOf(entry)[0]!;
    const attachment = attachments[program] ?? {};
    if (hook.type === 'usdt') describeArguments(hook, simulation);
    return placesOf(hook, attachment).map(
      (place, index): AttachedProgram => ({
        place,
        program,
        cookie: attachment.cookies?.[index] ?? 0,
        pid: attachment.pid,
      }),
    );
  });

const placesOf = (
  hook: Hook,
  { functions = [], offsets = [], path = '' }: Attachment,
): readonly string[] => {
  switch (hook.type) {
    case 'kprobe.multi':
      return functions.map((name) => `kprobe/${name}`);
    case 'uprobe.multi':
      return offsets.map((offset) => filePlace(path, offset));
    case 'usdt':
      return [probePlace(...partsOf(hook))];
    default:
      return [hook.section];
  }
};

/** `FILE:PROVIDER:NAME` */
const partsOf = ({ name }: Hook): [file: string, provider: string, name: string] => {
  const [, file, provider, probe] = /^(.+):([^:]+):([^:]+)$/.exec(name)!;
  return [file!, provider!, probe!];
};

/** Under the number 0, which is the cookie of its place. */
const describeArguments = (hook: Hook, { maps }: Simulation): void => {
  const spec = encodeUsdtSpec(probeArguments(...partsOf(hook)), 0n);
  const { __bpf_usdt_specs: specs } = maps as unknown as {
    __bpf_usdt_specs: { set(key: number, value: unknown): void };
  };
  specs.set(0, decode(usdtMaps().__bpf_usdt_specs.value, spec));
};
