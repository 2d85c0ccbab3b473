/**
 * @module
 * The table of helpers against three sources that know nothing of it: the UAPI header, which has every name, number
 * and prototype; the running kernel's verifier, which knows the licences, the arguments and the results; and the type
 * checker (the `@ts-expect-error` lines below are checked by `tsc`).
 */
import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import koffi from 'koffi';
import { afterAll, describe, expect, it } from 'vitest';
import type { ArgumentKind, Helper, ReturnKind, Word } from '../../src/asm/helper-types.ts';
import { helper, helperById } from '../../src/asm/helpers.ts';
import { exit, fn, mov, r0, stack } from '../../src/asm/index.ts';
import { u64 } from '../../src/layout/index.ts';

const all: readonly Helper[] = Object.values(helper);
/** '5.8' as a number that compares: 5008. */
const version = (text: string) =>
  text.split('.', 2).reduce((sum, part) => sum * 1000 + Number(part), 0);

describe('the table of helpers', () => {
  it('has every helper from 1 to 211, in order, under its own name', () => {
    expect(all.map(({ id }) => id)).toEqual(Array.from({ length: 211 }, (_, i) => i + 1));
    expect(all.map(({ name }) => name)).toEqual(Object.keys(helper));
    expect(helperById(131)).toBe(helper.ringbuf_reserve);
    expect([helperById(0), helperById(212), helperById(-1)]).toEqual(Array(3).fill(undefined));
  });

  it('lists helpers in the order in which kernels got them', () => {
    const versions = all.map(({ since }) => version(since));
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
  });

  it('describes a helper', () => {
    expect(helper.trace_printk).toMatchObject({
      kind: 'helper',
      name: 'trace_printk',
      id: 6,
      args: ['memory', 'word', 'address', 'address', 'address'],
      names: ['fmt', 'fmt_size', 'arg1', 'arg2', 'arg3'],
      required: 2,
      returns: 'scalar',
      gpl: true,
      since: '4.1',
    });
    expect(all.filter(({ args, required }) => args.length !== required)).toEqual([
      helper.trace_printk,
    ]);
  });

  it('labels the arguments of each type with the names that it has at run time', () => {
    const source = readFileSync(new URL('../../src/asm/helpers.ts', import.meta.url), 'utf8');
    const labels = [...source.matchAll(/^ {2}(\w+): (?:open|gpl)<\[(.*?)\]>\(/gm)].map(
      ([, name, tuple]) => [name, [...tuple!.matchAll(/(\w+)\??:/g)].map(([, label]) => label)],
    );
    expect(labels).toEqual(all.map(({ name, names }) => [name, names]));
  });

  it('gives calls the types of their arguments', () => {
    const r1 = { kind: 'register', width: 64, index: 1 } as const;
    const w1 = { kind: 'register', width: 32, index: 1 } as const;
    const map = { kind: 'map', type: 'hash', key: undefined, value: undefined } as const;
    const place = stack(u64);
    const callback = fn('callback', 2, [mov(r0, 0), exit()]);
    const call = <A extends readonly unknown[]>(_helper: Helper<A>, ...args: NoInfer<A>) =>
      args.length;
    call(helper.ktime_get_ns);
    call(helper.map_lookup_elem, map, place);
    call(helper.map_lookup_elem, r1, r1);
    call(helper.csum_diff, 0, 0, place, 4n, w1);
    call(helper.trace_printk, place, 8);
    call(helper.trace_printk, place, 8, w1, place);
    call(helper.loop, 10, callback, 0, 0);
    call(helper.probe_read_user, place, 8, 0x7fff_0000n);
    const word: Word = 1;
    expect(call(helper.redirect, word, w1)).toBe(2);
    // @ts-expect-error missing argument
    call(helper.map_lookup_elem, map);
    // @ts-expect-error one argument too many
    call(helper.ktime_get_ns, 0);
    // @ts-expect-error a number is no map
    call(helper.map_lookup_elem, 3, place);
    // @ts-expect-error the key may not be missing
    call(helper.map_lookup_elem, map, 0);
    // @ts-expect-error half a register is no address
    call(helper.map_lookup_elem, map, w1);
    // @ts-expect-error a map is no key
    call(helper.map_lookup_elem, map, map);
    // @ts-expect-error a register is no callback
    call(helper.loop, 10, r1, 0, 0);
  });
});

// ----------
// The UAPI header
// ----------

const HEADER = '/usr/include/linux/bpf.h';
const header = existsSync(HEADER) ? readFileSync(HEADER, 'utf8') : undefined;

describe.skipIf(header === undefined)(`the table and ${HEADER} (package linux-libc-dev)`, () => {
  const [documentation = '', rest = ''] = (header ?? '')
    .slice((header ?? '').indexOf('Start of BPF helper function descriptions'))
    .split(/^#define _+BPF_FUNC_MAPPER\(.*$/m);
  // FN(name) up to Linux 6.1, FN(name, number, ...) from 6.2; the first is unspec
  const listed = [...rest.matchAll(/^\tFN\((\w+)(?:, (\d+))?/gm)].map(
    ([, name, number], i) => [name, Number(number ?? i)] as const,
  );
  // Some helpers have variants for other programs further down: the first counts.
  const prototypes = new Map(
    [...documentation.matchAll(/^ \* [\w ]+[ *]bpf_(\w+)\(([^)]*)\)$/gm)]
      .map(([, name, args]) => [name!, args === 'void' ? [] : args!.split(/,\s*/)] as const)
      .reverse(),
  );
  const known = all.slice(0, listed.length - 1);

  it('agree on names and numbers', () => {
    expect(known.length).toBeGreaterThan(100);
    expect(known.map(({ name, id }) => [name, id])).toEqual(listed.slice(1, 212));
  });

  it('agree on what the version of the header has', () => {
    const text = readFileSync('/usr/include/linux/version.h', 'utf8');
    const [major, minor] = ['MAJOR', 'PATCHLEVEL'].map((part) =>
      Number(new RegExp(`LINUX_VERSION_${part} (\\d+)`).exec(text)?.[1]),
    );
    const present = all.filter(({ since }) => version(since) <= version(`${major}.${minor}`));
    expect(present).toEqual(known);
  });

  it('agree on the names of the arguments', () => {
    const names = known.map(({ name }) =>
      prototypes.get(name)?.flatMap((argument) => {
        const last = /\w+$/.exec(argument)?.[0];
        return last ?? ['arg1', 'arg2', 'arg3'];
      }),
    );
    expect(names).toEqual(known.map((each) => each.names));
  });

  it('agree on what is a number, a map and a callback', () => {
    const coarse = (kind: ArgumentKind) =>
      kind === 'word' || kind === 'map' || kind === 'callback' ? kind : 'pointer';
    const fromC = (argument: string) => {
      if (/bpf_map \*|\*ringbuf$|^void \*map$/.test(argument)) return 'map';
      if (/\*callback_fn$/.test(argument)) return 'callback';
      return argument.includes('*') || argument === '...' ? 'pointer' : 'word';
    };
    for (const { name, args, required } of known) {
      const expected = prototypes.get(name)?.map(fromC).slice(0, required);
      expect([name, ...args.slice(0, required).map(coarse)]).toEqual([name, ...(expected ?? [])]);
    }
  });
});

// ----------
// The running kernel
// ----------

/** Program types by number, with the attach type and the flags that a load must name. None is ever attached. */
// biome-ignore format: a table
const PROGRAM_TYPES = [
  { type: 1 }, { type: 2 }, { type: 3 }, { type: 5 }, { type: 6 }, { type: 7 }, { type: 8 }, { type: 9, attach: 2 },
  { type: 10 }, { type: 12 }, { type: 13 }, { type: 14 }, { type: 16 }, { type: 17 }, { type: 18, attach: 10 },
  { type: 19 }, { type: 20 }, { type: 21, attach: 39 }, { type: 23, attach: 18 }, { type: 25, attach: 22 },
  { type: 30, attach: 36 }, { type: 31, flags: 16 },
];
type ProgramType = { readonly type: number; readonly attach?: number; readonly flags?: number };

const libc = os.platform() === 'linux' ? koffi.load(null) : undefined;
const syscall = libc?.func('long syscall(long number, long command, void *attr, long size)');
const close = libc?.func('int close(int fd)');
const bpf = (command: number, attr: Buffer): number =>
  syscall?.(os.arch() === 'x64' ? 321 : 280, command, attr, attr.length) ?? -1;

/** A hash map from u32 to u64, or -1 where maps cannot be made. */
const createMap = () => {
  const attr = Buffer.alloc(128);
  new Uint32Array(attr.buffer, attr.byteOffset, 4).set([1, 4, 8, 4]);
  return bpf(0, attr);
};
const mapFd = createMap();
afterAll(() => {
  if (mapFd >= 0) close?.(mapFd);
});

type Insn = readonly [opcode: number, dst: number, src: number, offset: number, imm: number];

/** What the verifier says of a program, at its most talkative. */
const verify = (insns: readonly Insn[], licence: string, program: ProgramType): string => {
  const code = Buffer.alloc(8 * insns.length);
  insns.forEach(([opcode, dst, src, offset, imm], i) => {
    code.writeUInt16LE(opcode | (dst << 8) | (src << 12), 8 * i);
    code.writeInt16LE(offset, 8 * i + 2);
    code.writeInt32LE(imm, 8 * i + 4);
  });
  const log = Buffer.alloc(1 << 16);
  const license = Buffer.from(`${licence}\0`);
  const attr = Buffer.alloc(128);
  attr.writeUInt32LE(program.type, 0);
  attr.writeUInt32LE(insns.length, 4);
  attr.writeBigUInt64LE(koffi.address(code), 8);
  attr.writeBigUInt64LE(koffi.address(license), 16);
  attr.writeUInt32LE(2, 24);
  attr.writeUInt32LE(log.length, 28);
  attr.writeBigUInt64LE(koffi.address(log), 32);
  attr.writeUInt32LE(program.flags ?? 0, 44);
  attr.writeUInt32LE(program.attach ?? 0, 68);
  const fd = bpf(5, attr);
  if (fd >= 0) close?.(fd);
  return log.toString('latin1', 0, log.indexOf(0));
};

/** One argument of each kind: the number 8, zeroed stack, a hash map, the context; 0 for what cannot be had here. */
const argument = (kind: ArgumentKind, register: number): readonly Insn[] => {
  if (kind === 'word') return [[0xb7, register, 0, 0, 8]];
  if (kind.startsWith('context')) return [[0xbf, register, 6, 0, 0]];
  if (kind.startsWith('memory') || kind === 'address')
    return [
      [0xbf, register, 10, 0, 0],
      [0x07, register, 0, 0, -64 * register],
    ];
  if (kind === 'map')
    return [
      [0x18, register, 1, 0, mapFd],
      [0, 0, 0, 0, 0],
    ];
  return [[0xb7, register, 0, 0, 0]];
};
const callOf = ({ id, args }: Helper): readonly Insn[] => [
  [0xbf, 6, 1, 0, 0],
  ...Array.from({ length: 40 }, (_, i): Insn => [0x7a, 10, 0, -8 * (i + 1), 0]),
  ...args.flatMap((kind, i) => argument(kind, i + 1)),
  [0x85, 0, 0, 0, id],
  [0xbf, 7, 0, 0, 0],
  [0xb7, 0, 0, 0, 0],
  [0x95, 0, 0, 0, 0],
];

/** How the verifier writes r0 after a call. */
const RESULTS: Partial<Record<ReturnKind, RegExp>> = {
  scalar: /^scalar/,
  map_value_or_null: /^map_value_or_null/,
  socket_or_null: /^sock_or_null/,
  sock_common_or_null: /^sock_common_or_null/,
  btf_task: /^(trusted_)?ptr_task_struct/,
};

const canVerify = mapFd >= 0 && Number.parseFloat(os.release()) >= 6;

describe.skipIf(!canVerify)('the table and the running kernel (root, Linux 6.0)', () => {
  const logs = (row: Helper, licence: string) =>
    PROGRAM_TYPES.map((program) => verify(callOf(row), licence, program)).filter(
      (log) => /\(85\) call/.test(log) && !/cannot use helper|(unknown|invalid) func/.test(log),
    );
  const release = version(os.release());
  const present = all.filter(({ since }) => version(since) <= release);

  it('agree on the name of each number', () => {
    const names = present.map(
      (row) => /\(85\) call bpf_(\w+)#/.exec(verify(callOf(row), 'GPL', { type: 1 }))?.[1],
    );
    expect(names).toEqual(present.map(({ name }) => name));
  });

  it('agree on who needs a licence that is compatible with the GPL', () => {
    const tried = present.flatMap((row) => {
      const said = logs(row, 'Proprietary');
      const gpl = said.some((log) => log.includes('cannot call GPL-restricted function'));
      return said.length > 0 ? [{ row, gpl }] : [];
    });
    expect(tried.length).toBeGreaterThan(150);
    expect(tried.filter(({ row, gpl }) => row.gpl !== gpl).map(({ row }) => row.name)).toEqual([]);
  });

  it('agree on arguments and results', () => {
    // kernel objects and callbacks cannot be had in a program of a few instructions
    const simple = present.filter(
      ({ args }) => !args.some((kind) => /pointer|callback/.test(kind)),
    );
    const results = simple.flatMap((row) =>
      logs(row, 'GPL').flatMap((log) => {
        // 'R1 type=fp expected=map_value': some memory must be of a certain sort
        const refused = /R\d type=(?!fp)\S+ expected=.*/.exec(log)?.[0];
        const r0 = /\(bf\) r7 = r0 .*?R0(?:_w)?=(\S+)/.exec(log)?.[1];
        return refused || r0 ? [{ row, refused, r0 }] : [];
      }),
    );
    expect(new Set(results.map(({ row }) => row)).size).toBeGreaterThan(100);
    const wrong = results.filter(
      ({ row, refused, r0 }) => refused || !RESULTS[row.returns]?.test(r0 ?? ''),
    );
    expect(wrong.map(({ row, refused, r0 }) => [row.name, refused ?? r0])).toEqual([]);
  });
});
