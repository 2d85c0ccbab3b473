import { describe, expect, it } from 'vitest';
import {
  type AnyMap,
  asm,
  assemble,
  call,
  callSite,
  encode,
  exit,
  fn,
  framesOf,
  helper,
  jne,
  label,
  listed,
  loadSigned,
  mov,
  r0,
  r1,
  r2,
  r6,
  r7,
  rsh,
  stack,
  w0,
} from '../../src/asm/index.ts';
import { chars, i32, kernelStruct, struct, u32, u64 } from '../../src/layout/index.ts';

const Event = struct('event', { pid: u32, when: u64, comm: chars(16) });
const Task = kernelStruct('task_struct', { tgid: i32 });
const counts: AnyMap = { kind: 'map', type: 'hash', key: u32, value: u64 };
const double = fn('double', 1, [mov(r0, r1), exit()]);

const texts = (code: ReturnType<typeof asm>): string[] =>
  listed(assemble(code, () => true).instructions, {
    labels: true,
    mapName: () => 'counts',
  }).map(({ text }) => text);

/** The line that this is called on. */
const lineHere = (): number => framesOf(callSite(lineHere))[0]!.line;

describe('the template', () => {
  it('takes registers, numbers, labels, maps, helpers, functions, places and code', () => {
    const event = Event.at(r7);
    const out = label('out');
    const slot = stack(u64);
    const pid: number | undefined = 7;
    const code = asm`
      ${r7} = r1
      call ${helper.get_current_pid_tgid}
      r6 = r0; ${rsh(r0, 32)}
      ${pid !== undefined && [jne(w0, pid, out)]}
      ${event.pid} = w6               # the size is that of the field
      r1 = &${event.comm}
      r2 = ${16}
      w3 = ${event.pid}
      ${slot} = ${-1}
      lock ${event.when} += r3
      r3 = *(u64 *)(${r7} + ${8})
      r4 = ${2n ** 40n}
      r1 = ${counts} ll
      r1 = ${5}
      call ${double}
      if r0 s> ${100} goto ${out}
    ${out}:
      r0 = 0
      exit
    `;
    expect(texts(code)).toEqual([
      'r7 = r1',
      'call bpf_get_current_pid_tgid#14',
      'r6 = r0',
      'r0 >>= 32',
      'if w0 != 0x7 goto out',
      '*(u32 *)(r7 +0) = r6',
      'r1 = r7',
      'r1 += 16',
      'r2 = 16',
      'r3 = *(u32 *)(r7 +0)',
      '*(u64 *)(r10 -8) = -1',
      'lock *(u64 *)(r7 +8) += r3',
      'r3 = *(u64 *)(r7 +8)',
      'r4 = 0x10000000000',
      'r1 = map[counts]',
      'r1 = 5',
      'call double',
      'if r0 s> 0x64 goto out',
      'r0 = 0',
      'exit',
      'r0 = r1',
      'exit',
    ]);
  });

  it('is the same as the constructors', () => {
    const Struct = struct('s', { a: u32 });
    const written = asm`
      w0 = ${Struct.at(r6, 8).a}
      exit
    `;
    const bytes = (code: typeof written) => encode(assemble(code, () => true).instructions);
    expect(bytes(written)).toEqual(bytes(asm`w0 = *(u32 *)(r6 + 8); exit`));
  });

  it('relocates what the kernel has', () => {
    const [load] = assemble(asm`w1 = ${Task.at(r6).tgid}`, () => true).instructions;
    expect(load!.relocation).toEqual({ kind: 'field_byte_offset', root: Task, path: ['tgid'] });
  });

  it('gives each instruction the line that it stands on', () => {
    const here = lineHere();
    const code = asm`
      r0 = 0

      r1 = ${r0}
      exit
    `;
    const lines = assemble(code, () => true).instructions.map(({ site }) => framesOf(site)[0]!);
    const first = lines[0]!.line;
    expect(lines.map(({ line }) => line - first)).toEqual([0, 2, 3]);
    expect(first - here).toBe(2);
    expect(lines[0]!.file).toContain('template.test.ts');
  });

  it('leaves interpolated code its own line', () => {
    const inner = mov(r0, 1);
    const [instruction] = assemble([asm`${inner}`, exit()], () => true).instructions;
    expect(instruction!.site).toBe(inner.site);
  });

  it('counts no distances over code of unknown length', () => {
    expect(
      () => asm`
      goto +2
      ${[loadSigned(r1, i32.at(r2)), call(helper.ktime_get_ns)]}
      exit
    `,
    ).toThrow(
      /^line 2, column 12: \+2: distances are counted between code of known length; use a label \(template/,
    );
  });

  // biome-ignore format: a table
  it.each([
    [() => asm`${Event.at(r7).pid} = r6`, 'line 1, column 1: store event.pid: event.pid has 4 bytes, so it goes with w6, not r6'],
    [() => asm`r1 += ${counts}`, 'line 1, column 7: r1 +=: a register or a number, got a map'],
    [() => asm`goto ${r1}`, "line 1, column 6: goto: a jump goes to a label, from label('name')"],
    [() => asm`call ${counts}`, 'line 1, column 6: call: a helper or a function, got a map'],
    [() => asm`${r1}: exit`, 'line 1, column 1: before a colon stands a label, got a register'],
    [() => asm`${counts}`, 'line 1, column 1: an instruction, a label or a list of them stands alone, got a map'],
    [() => asm`r1 = ${helper.ktime_get_ns}`, 'line 1, column 6: r1 =: a register, number, place, map or function, got a helper'],
    [() => asm`r1 = ${2 ** 60}`, 'line 1, column 6: 1152921504606847000 is not a whole number that JavaScript holds exactly; write it as a bigint'],
    [() => asm`r1 = ${Event.at(r7)}`, 'line 1, column 6: load r1: event is no scalar but struct of 32 bytes'],
  ])('refuses a value that does not belong there (%#)', (build, message) => {
    expect(build).toThrow(message);
    expect(build).toThrow(/\(template\.test\.ts:\d+\)$/);
  });
});
