/**
 * @module
 * What is modelled, compared with the kernel on the same calls: each table of `calls/` runs there (BPF_PROG_TEST_RUN) and
 * on both engines. What is in no table has a reason, which the kernel is asked about.
 */
import { describe, expect, it } from 'vitest';
import {
  type AnyMapSpec,
  type call,
  cgroupSkb,
  exit,
  flowDissector,
  type HelperName,
  helper,
  helperById,
  MAP_TYPES,
  type MapType,
  make,
  mov,
  netfilter,
  object,
  type ProgramSpec,
  r0,
  r1,
  r2,
  r3,
  r4,
  r5,
  rawTracepoint,
  skLookup,
  socketFilter,
  syscall,
  tc,
  u64,
  visitProgram,
  xdp,
} from '../../src/index.ts';
import { kernelBtf, loadObject } from '../../src/kernel/index.ts';
import { HELPERS } from '../../src/sim/helpers/index.ts';
import { KERNEL_FUNCTIONS } from '../../src/sim/helpers/kernel-functions.ts';
import { simulate } from '../../src/sim/index.ts';
import { missing, missingBefore, titled } from '../asm/kernel.ts';
import { CONTROL_CALLS } from './calls/control.ts';
import { DYNPTR_CALLS } from './calls/dynptrs.ts';
import { KERNEL_FUNCTION_CALLS } from './calls/kernel-functions.ts';
import { MAP_CALLS } from './calls/maps.ts';
import { MEMORY_CALLS } from './calls/memory.ts';
import { OUTPUT_CALLS } from './calls/output.ts';
import { PACKET_CALLS } from './calls/packet.ts';
import { plain, REFERENCE_CALLS } from './calls/references.ts';
import { type Calls, inKernel, isForbidden, onEngine, written } from './calls/sheet.ts';
import { STRING_CALLS } from './calls/strings.ts';
import { TASK_CALLS } from './calls/task.ts';
import { ENGINES } from './engines.ts';

const ALL: readonly Calls[] = [
  ...MAP_CALLS,
  ...REFERENCE_CALLS,
  ...MEMORY_CALLS,
  ...OUTPUT_CALLS,
  ...TASK_CALLS,
  ...CONTROL_CALLS,
  ...PACKET_CALLS,
  ...STRING_CALLS,
  ...KERNEL_FUNCTION_CALLS,
  ...DYNPTR_CALLS,
];

describe.skipIf(missing)(titled('the kernel and both engines agree on', missing), () => {
  for (const calls of ALL) {
    const reason = calls.needs?.() ?? (calls.since && missingBefore(calls.since));
    it.skipIf(reason)(titled(calls.name, reason), ({ skip }) => {
      if (calls.refused && isForbidden(calls)) skip(calls.refused);
      const theirs = inKernel(calls);
      for (const engine of ENGINES) expect(onEngine(engine, calls), engine).toEqual(theirs);
    });
  }
});

/** Those that only programs call which the kernel does not run so: of security modules, and at BTF tracepoints. */
const NOT_COMPARED: readonly HelperName[] = [
  'inode_storage_get',
  'inode_storage_delete',
  'skb_output',
  'xdp_output',
];
const MAPS_NOT_COMPARED: readonly MapType[] = ['inode_storage'];

/** The types of programs that BPF_PROG_TEST_RUN runs. */
const RUN: Readonly<Record<string, (body: ReturnType<typeof call>) => ProgramSpec>> = {
  tc,
  xdp,
  socketFilter,
  flowDissector,
  skLookup,
  netfilter,
  syscall,
  cgroup_skb: (body) => cgroupSkb('ingress', body),
  raw_tp: (body) => rawTracepoint('sys_enter', body),
};

describe('what is modelled', () => {
  const helpers = new Set<string>();
  const functions = new Set<string>();
  const types = new Set<string>();
  for (const calls of ALL) {
    const { spec } = written(calls);
    for (const program of Object.values(spec.programs))
      visitProgram(program as ProgramSpec, (item) => {
        if (item.kind !== 'instruction' || item.opcode !== 0x85) return;
        if (item.src === 0) helpers.add(helperById(item.imm)?.name ?? '');
        if (item.src === 2) functions.add(kernelBtf()?.type(item.imm).name ?? '');
      });
    for (const map of Object.values(spec.maps)) types.add((map as AnyMapSpec).type);
  }

  it('are helpers that are compared with the kernel, or cannot be', () => {
    const others = Object.keys(HELPERS).filter((name) => !helpers.has(name));
    expect(others.sort()).toEqual([...NOT_COMPARED].sort());
  });

  // Those that this kernel does not have are in the tables for newer ones.
  it.skipIf(missingBefore('6.18'))('are functions of the kernel that are compared with it', () => {
    expect(Object.keys(KERNEL_FUNCTIONS).filter((name) => !functions.has(name))).toEqual([]);
  });

  it('are types of maps that are compared with the kernel, or cannot be', () => {
    const modelled = (Object.keys(MAP_TYPES) as MapType[]).filter(isModelled);
    const others = modelled.filter((type) => !types.has(type));
    expect(others).toEqual(MAPS_NOT_COMPARED);
    expect(modelled).toHaveLength(25);
  });

  const tried = NOT_COMPARED.flatMap((name) =>
    Object.keys(RUN).map((type) => [name, type] as const),
  );
  it.skipIf(missing).each(tried)(
    '%s: the kernel refuses it in a program of type %s',
    (name, type) => {
      const zeros = [r1, r2, r3, r4, r5].map((register) => mov(register, 0));
      const body = [zeros, make({ opcode: 0x85, imm: helper[name].id }), mov(r0, 0), exit()];
      const spec = object({ license: 'GPL', programs: { main: RUN[type]!(body) } });
      // A system call may send samples of packets, but has none.
      const why = type === 'syscall' ? /cannot use helper|expected=ptr_/ : /cannot use helper/;
      expect(() => loadObject(spec).close()).toThrow(why);
    },
  );
});

/** Maps of the other types can only be named. */
const isModelled = (type: MapType): boolean => {
  const map = plain(type, u64, 4096);
  const machine = simulate(object({ license: 'GPL', maps: { map }, programs: {} }));
  return machine.maps.map.constructor.name !== 'SimulatedOpaque';
};
