/**
 * @module
 * The static checks of a call of a helper: the kinds of its arguments, and the stack that it reads.
 */
import { type AnyMap, type ArgumentKind, type Helper, helperById } from '../asm/index.ts';
import { type CheckState, frameBits, type Known, NUMBER, UNKNOWN, UNSET } from './check-state.ts';
import type { RefusalClass } from './rule.ts';

/** What is wrong with an instruction. */
export interface Fault {
  readonly class: RefusalClass;
  readonly message: string;
  /** Who takes it all the same; without it no kernel does. */
  readonly acceptedBy?: string;
}

/** They may read what nothing has written on the stack. */
export const UNWRITTEN_STACK = 'Linux 6.3 and newer, from those who have CAP_PERFMON';

/** The faults of the arguments of a helper. */
export const argumentFaults = (id: number, state: CheckState): Fault[] => {
  const helper = helperById(id);
  if (!helper) return [];
  const kinds = helper.args.slice(0, helper.required);
  const faults = kinds.flatMap((kind, index): Fault[] => {
    const known = state.registers[index + 1]!;
    const name = `r${index + 1}, the argument ${helper.names[index]} of bpf_${helper.name},`;
    if (known.kind === 'unset')
      return [{ class: 'uninitialised-register', message: `${name} holds nothing` }];
    const wrong = mismatch(kind, known);
    if (wrong === undefined) return [];
    return [
      {
        class: known.kind === 'or-null' ? 'null-check' : 'helper-argument',
        message: `${name} ${wrong}`,
      },
    ];
  });
  return faults.length > 0 ? faults : unwrittenFaults(helper, state);
};

/** Why what is known of a register cannot be an argument of this kind; undefined where it can. */
const mismatch = (kind: ArgumentKind, known: Known): string | undefined => {
  switch (kind) {
    case 'map':
      if (known.kind === 'number') return 'is a number, not a map';
      if (known.kind === 'frame') return 'is a pointer to the stack, not a map';
      if (known.kind === 'context') return 'is the context, not a map';
      break;
    case 'memory':
      // 0 with a size of 0 is memory to some.
      if (known.kind === 'number' && known.value !== 0n) return 'is a number, not memory';
      if (known.kind === 'context') return 'is the context, not memory';
      if (known.kind === 'map') return 'is a map, not memory';
      break;
    case 'context':
      if (known.kind === 'number') return 'is a number, not the context';
      if (known.kind === 'frame') return 'is a pointer to the stack, not the context';
      if (known.kind === 'map') return 'is a map, not the context';
      break;
    case 'pointer':
      if (known.kind === 'number' && known.value !== 0n)
        return 'is a number, not an object of the kernel';
      break;
    default:
      return undefined;
  }
  return known.kind === 'or-null' && kind !== 'context'
    ? `may be 0: what ${known.what} gave was not compared with 0`
    : undefined;
};

/** The helpers that read a key, or a value as well, as long as the map says. */
const READS: Readonly<Record<string, readonly ('key' | 'value')[]>> = {
  map_lookup_elem: ['key'],
  map_delete_elem: ['key'],
  map_update_elem: ['key', 'value'],
};

const unwrittenFaults = (helper: Helper, { registers, written }: CheckState): Fault[] => {
  const map = registers[1]!;
  if (map.kind !== 'map') return [];
  return (READS[helper.name] ?? []).flatMap((what, index): Fault[] => {
    const known = registers[index + 2]!;
    const size = map.map[what]?.size ?? 0;
    if (known.kind !== 'frame' || size === 0) return [];
    const bits = frameBits(known.offset, size);
    // Only where nothing at all is written: some kernels let programs read a part.
    if (bits === 0n || (bits & written) !== 0n) return [];
    return [
      {
        class: 'uninitialised-stack',
        acceptedBy: UNWRITTEN_STACK,
        message: `bpf_${helper.name} reads a ${what} of ${size} bytes at r10${known.offset}, where nothing was written`,
      },
    ];
  });
};

/** Whether a helper leaves the stack that its arguments point to as it is. */
export const readsOnly = (id: number): boolean => Object.hasOwn(READS, helperById(id)?.name ?? '');

/** What a helper leaves in r0. */
export const resultOf = (id: number, slot: number, state: CheckState): Known => {
  const helper = helperById(id);
  if (!helper) return UNKNOWN;
  const what = `bpf_${helper.name}`;
  switch (helper.returns) {
    case 'scalar':
      return NUMBER;
    case 'void':
      return UNSET;
    case 'map_value_or_null': {
      const map = state.registers[1]!;
      return map.kind === 'map' && mayMiss(map.map)
        ? { kind: 'or-null', call: slot, what }
        : UNKNOWN;
    }
    case 'ringbuf_record_or_null':
    case 'socket_or_null':
    case 'tcp_socket_or_null':
      return { kind: 'or-null', call: slot, what };
    default:
      return UNKNOWN;
  }
};

/** Newer kernels know that an entry of an array under a constant index is there. */
const mayMiss = ({ type }: AnyMap): boolean => /hash|lpm_trie/.test(type);
