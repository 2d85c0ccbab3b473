/**
 * @module
 * Our text against the kernel's: what the verifier logs for every form, and what bpftool dumps of a loaded program.
 */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  type AnyMap,
  type Assembly,
  add,
  assemble,
  BPF_ALU,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_ST,
  BPF_STX,
  type Code,
  call,
  decode,
  encode,
  exit,
  fn,
  helper,
  jeq,
  label,
  lddw,
  lea,
  load,
  loadAcquire,
  make,
  mapOf,
  mov,
  print,
  r0,
  r1,
  r2,
  r3,
  r6,
  r9,
  slotsOf,
  stack,
  store,
  storeRelease,
  w1,
  w2,
} from '../../src/asm/index.ts';
import { u8, u16, u32, u64 } from '../../src/layout/index.ts';
import { progInfo } from '../../src/syscall/index.ts';
import { forms } from './forms.ts';
import {
  missing,
  missingBefore,
  textsOf,
  titled,
  verifierTexts,
  withArray,
  withProgram,
} from './kernel.ts';

/** Our text of every instruction, by slot. */
const ours = ({ instructions }: Assembly, names = {}): Map<number, string> => {
  const texts = new Map<number, string>();
  let slot = 0;
  for (const instruction of instructions) {
    texts.set(
      slot,
      `(${instruction.opcode.toString(16).padStart(2, '0')}) ${print(instruction, names)}`,
    );
    slot += slotsOf(instruction);
  }
  return texts;
};

const endsWithExit = (assembly: Assembly): boolean => assembly.instructions.at(-1)?.opcode === 0x95;

describe.skipIf(missing)(titled('the verifier', missing), () => {
  // Before 6.16 the log has only the instructions that were visited.
  it.skipIf(missingBefore('6.16'))('prints every form as we do', () => {
    let compared = 0;
    const different = forms.flatMap(({ of, build, choose = true }) => {
      const body = build();
      const alone = assemble(body, () => choose);
      const assembly = endsWithExit(alone)
        ? alone
        : assemble([body, mov(r0, 0), exit()], () => choose);
      const [we, they] = [ours(assembly), verifierTexts(assembly)];
      compared += they.size;
      return [...they]
        .filter(([slot, text]) => we.get(slot) !== text)
        .map(([slot, text]) => [of, we.get(slot), text]);
    });
    expect(different).toEqual([]);
    expect(compared).toBeGreaterThan(2500);
  });

  it.skipIf(missingBefore('6.15'))(
    'accepts acquiring loads and releasing stores, and prints them as we do',
    () => {
      const slot = stack(u64);
      const small = [u8, u16, u32].flatMap((layout) => [
        storeRelease(layout.at(r6, 0), w1),
        loadAcquire(w2, layout.at(r6, 0)),
      ]);
      const body: Code = [
        lea(r6, slot),
        mov(r1, 7),
        store(slot, r1),
        small,
        storeRelease(u64.at(r6), r1),
        loadAcquire(r0, u64.at(r6)),
        exit(),
      ];
      const assembly = assemble(body, () => true);
      expect(verifierTexts(assembly)).toEqual(ours(assembly));
    },
  );

  it('prints calls of subprograms and helpers, and callbacks by their distance', () => {
    const callback = fn('callback', 2, [mov(r0, 0), exit()]);
    const double = fn('double', 1, [mov(r0, r1), add(r0, r1), exit()]);
    const assembly = assemble(
      [call(helper.loop, 3, callback, 0, 0), call(double, r0), lddw(r2, -1), exit()],
      () => true,
    );
    const they = withProgram(assembly, { logLevel: 2, callbacks: true }, ({ log }) => textsOf(log));
    const we = ours(assembly);
    expect(we.get(1)).toBe('(18) r2 = subprog[+9]');
    expect(they.get(1)).toBe('(18) r2 = 0x9');
    expect([...they].filter(([slot]) => slot !== 1)).toEqual(
      [...we].filter(([slot]) => slot !== 1),
    );
  });
});

const bpftool = (() => {
  for (const command of ['bpftool', '/usr/sbin/bpftool']) {
    try {
      execFileSync(command, ['version'], { stdio: 'ignore' });
      return command;
    } catch {}
  }
  return undefined;
})();
const noBpftool = missing ?? (bpftool ? undefined : 'bpftool is not installed');

describe.skipIf(noBpftool)(titled('bpftool', noBpftool), () => {
  it('dumps a loaded program as we print it, with the ids of its maps', () => {
    const value: AnyMap = { kind: 'map', type: 'array', key: u32, value: u64 };
    const slot = stack(u32);
    const out = label('out');
    const double = fn('double', 1, [mov(r0, r1), add(r0, r1), exit()]);
    const body: Code = [
      lea(r9, value),
      load(r6, u64.at(r9)),
      jeq(r6, -5, out),
      store(slot, 0),
      call(helper.map_delete_elem, { ...value, type: 'array' }, slot),
      call(double, r6),
      store(u64.at(r9), r0),
      lddw(r3, 0x1122_3344_5566_7788n),
      out,
      mov(r0, 7),
      exit(),
    ];
    const assembly = assemble(body, () => true);
    withArray(8, (mapFd) => {
      const maps = new Map<AnyMap, number>();
      for (const instruction of assembly.instructions) {
        const map = mapOf(instruction);
        if (map) maps.set(map, mapFd);
      }
      withProgram(assembly, { maps }, ({ fd }) => {
        const { id, mapIds } = progInfo(fd);
        const dump = execFileSync(bpftool!, ['prog', 'dump', 'xlated', 'id', String(id)], {
          encoding: 'utf8',
        });
        const they = textsOf(dump);
        const we = ours(assembly, { map: () => `id:${mapIds[0]}` });
        // The kernel rewrites calls: of helpers to offsets, of subprograms to their symbols.
        const plain = ([, text]: readonly [number, string]) => !/call/.test(text);
        expect([...they].filter(plain)).toEqual([...we].filter(plain));
        expect(they.get(0)).toBe(`(18) r9 = map[id:${mapIds[0]}][0]+0`);
      });
    });
  });
});

describe('print', () => {
  it('names maps as their type, or as it is told', () => {
    const events: AnyMap = { kind: 'map', type: 'ringbuf', key: undefined, value: u64 };
    const lost: AnyMap = { kind: 'map', type: 'array', key: u32, value: u64 };
    const [load] = assemble([lea(r1, events), exit()], () => true).instructions;
    expect(print(load!)).toBe('r1 = map[ringbuf]');
    expect(print(load!, { map: () => 'events' })).toBe('r1 = map[events]');
    const second = make({
      opcode: 0x18,
      dst: 1,
      src: 2,
      imm64: 0n,
      reference: { kind: 'value', map: lost, offset: 8 },
    });
    expect(print(second, { map: (map) => (map === lost ? '.lost' : undefined) })).toBe(
      'r1 = map[.lost][0]+8',
    );
    expect(print(make({ opcode: 0x18, dst: 2, src: 5, imm64: 3n }))).toBe('r2 = map[idx:3]');
    expect(print(make({ opcode: 0x18, dst: 2, src: 6, imm64: (4n << 32n) | 3n }))).toBe(
      'r2 = map[idx:3][0]+4',
    );
    expect(print(make({ opcode: 0x18, dst: 2, src: 3, imm64: 77n }))).toBe('r2 = 0x4d');
  });

  it('prints what only the kernel makes', () => {
    expect(print(make({ opcode: 0xbf, dst: 1, src: 2, offset: -1 }))).toBe(
      'r1 = &(void __percpu *)(r2)',
    );
    expect(print(make({ opcode: 0xc2 }))).toBe('nospec');
    expect(print(make({ opcode: 0x85, src: 2, imm: 77 }))).toBe('call kernel-function#77');
    expect(print(make({ opcode: 0x0d, dst: 2 }))).toBe('gotox r2');
  });

  it('prints what is no instruction as the kernel does', () => {
    expect(print(make({ opcode: BPF_LD | 0x00 }))).toBe('BUG_ld_00');
    expect(print(make({ opcode: BPF_LDX | 0x20 }))).toBe('BUG_ldx_21');
    expect(print(make({ opcode: BPF_ST | 0x20 }))).toBe('BUG_st_22');
    expect(print(make({ opcode: BPF_STX | 0x20 }))).toBe('BUG_23');
    expect(print(make({ opcode: BPF_STX | 0xc0, imm: 0x10 }))).toBe('BUG_c3');
    expect(print(make({ opcode: BPF_ALU | 0xe0 }))).toBe('BUG_alu_e4');
    expect(print(make({ opcode: BPF_JMP | 0xe0, src: 1 }))).toBe('BUG_jmp_e5');
    expect(print(make({ opcode: BPF_JMP32 | 0xf0 }))).toBe('BUG_jmp_f6');
    expect(print(make({ opcode: 0x85, imm: 9999 }))).toBe('call unknown#9999');
    expect(print(make({ opcode: 0x85, imm: 0 }))).toBe('call bpf_unspec#0');
  });

  it('prints every opcode there is, and after decoding the same', () => {
    for (let opcode = 0; opcode < 256; opcode++) {
      const instruction = make({
        opcode,
        dst: 1,
        src: 2,
        offset: 8,
        ...(opcode === 0x18 ? { imm64: 5n } : { imm: 5 }),
      });
      const [again] = decode(encode([instruction]));
      expect(print(again!)).toBe(print(instruction));
      expect(print(instruction)).not.toMatch(/undefined|NaN/);
    }
  });
});
