import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type Code,
  call,
  hash,
  helper,
  label,
  load,
  mov,
  object,
  r0,
  r1,
  r6,
  reserve,
  ringbuf,
  socketFilter,
  stack,
  store,
  struct,
  u32,
  u64,
  update,
} from '../../src/index.ts';
import { loadObject, VerifierError } from '../../src/kernel/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { done, fixture, runTsx, thrown } from './object-support.ts';
import { refused } from './refused.ts';

const THIS = 'verifier-error.test.ts';
/** The number of the line of this file that holds a text, once. */
const lineOf = (text: string, file = THIS): number => {
  const lines = readFileSync(fixture(file), 'utf8').split('\n');
  return lines.findIndex((line) => line.includes(text)) + 1;
};
const refusalOf = (body: Code, maps = {}): VerifierError =>
  thrown<VerifierError>(() =>
    loadObject(object({ license: 'GPL', maps, programs: { program: socketFilter(body) } })).close(),
  );
const starts = hash(u32, u64);
const key = stack(u32);

describe.skipIf(noBpf)(kernel('the error of a forgotten null check'), () => {
  const error = noBpf
    ? (undefined as never)
    : refusalOf(
        [
          store(key, 1),
          call(helper.map_lookup_elem, starts, key),
          load(r1, u64.at(r0)), // the forgotten check
          done,
        ],
        { starts },
      );

  it('begins with one sentence', () => {
    expect(error).toBeInstanceOf(VerifierError);
    expect(error.message.split('\n')[0]).toBe(
      "the kernel refuses program (socket): R0 invalid mem access 'map_value_or_null'",
    );
  });

  it('shows the line of the load, its text, the instruction, and the register that may be null', () => {
    const [, at, text, instruction, ...meaning] = error.message.split('\n');
    expect(at).toMatch(
      new RegExp(`^ {2}at /.*/test/kernel/${THIS}:${lineOf('// the forgotten check')}:11$`),
    );
    expect(text).toBe('      load(r1, u64.at(r0)), // the forgotten check');
    expect(instruction).toBe('  instruction 6: r1 = *(u64 *)(r0 +0)');
    expect(meaning.slice(0, 4)).toEqual([
      '  null-check: r0 may be 0 here: a look-up gives 0 when there is no such entry',
      '  r0 holds map_value_or_null(id=1,map=starts,ks=4,vs=8): the value of the map starts, or 0',
      `      5: call bpf_map_lookup_elem#1 (${THIS}:${lineOf('load(r1, u64.at(r0)), // the forgotten check') - 1})`,
      '  what may help: compare it with 0 first: jeq(r0, 0, out)',
    ]);
  });

  it("ends with the tail of the verifier's log, with our lines", () => {
    expect(error.message).toContain("\nthe end of the verifier's log:\n");
    expect(error.message).toContain(
      `; load(r1, u64.at(r0)), // the forgotten check @ ${THIS}:${lineOf('// the forgotten check')}`,
    );
    expect(error.log).toContain('R0 invalid mem access');
  });

  it('has all of it as data', () => {
    expect(error).toMatchObject({
      name: 'VerifierError',
      program: 'program',
      instruction: 6,
      meaning: { class: 'null-check', slot: 6 },
      registers: { r0: 'map_value_or_null(id=1,map=starts,ks=4,vs=8)', r10: 'fp0' },
      requirement: undefined,
    });
    expect(error.source).toHaveLength(1);
    expect((error.cause as Error).name).toBe('BpfError');
  });

  it('is the same under tsx', async () => {
    const [first, at, text] = (await runTsx(fixture('forgotten-check.ts'))).split('\n');
    expect(first).toBe(error.message.split('\n')[0]);
    const line = lineOf('// here', 'forgotten-check.ts');
    expect(at).toMatch(new RegExp(`/test/kernel/forgotten-check\\.ts:${line}:3$`));
    expect(text).toBe('      load(r1, u64.at(r0)), // here');
  });
});

describe.skipIf(noBpf)(kernel('the error of a macro'), () => {
  const entryOf = (map: typeof starts): Code => [
    store(key, 1),
    call(helper.map_lookup_elem, map, key),
    load(r1, u64.at(r0)), // inside the macro
  ];

  it("shows the macro's line and that of its caller, when it is the user's", () => {
    const error = refusalOf(
      [
        entryOf(starts), // the caller of the macro
        done,
      ],
      { starts },
    );
    expect(error.source.map(({ line, text }) => [line, text])).toEqual([
      [lineOf('// inside the macro'), 'load(r1, u64.at(r0)), // inside the macro'],
      [lineOf('// the caller of the macro'), 'entryOf(starts), // the caller of the macro'],
    ]);
    expect(error.message.split('\n').slice(1, 5)).toEqual([
      expect.stringMatching(/^ {2}at .*:\d+:\d+$/),
      '      load(r1, u64.at(r0)), // inside the macro',
      expect.stringMatching(/^ {2}from .*:\d+:\d+$/),
      '      entryOf(starts), // the caller of the macro',
    ]);
  });

  it("shows the user's line alone, when it is the library's", () => {
    const value = stack(u64);
    const error = refusalOf(
      [
        store(key, 1),
        // Its value was never written.
        update(starts, key, r6), // the library's macro
        done,
      ].toSpliced(1, 0, mov(r6, 7), store(value, 1)),
      { starts },
    );
    expect(error.source.map(({ line, text }) => [line, text])).toEqual([
      [lineOf("// the library's macro"), "update(starts, key, r6), // the library's macro"],
    ]);
    expect(error.message).toContain('r3 holds 7');
  });

  it('shows where a record was reserved that is never submitted', () => {
    const events = ringbuf(struct('event', { pid: u32 }), { maxEntries: 4096 });
    const full = label('full');
    const error = refusalOf(
      [
        reserve(r6, events, full), // never submitted
        full,
        done,
      ],
      { events },
    );
    expect(error.message.split('\n')[0]).toContain('Unreleased reference');
    expect(error.source[0]).toMatchObject({
      line: lineOf('// never submitted'),
      text: 'reserve(r6, events, full), // never submitted',
    });
    expect(error.message).toMatch(/\n {2}refused at instruction 13: exit \(checks\.ts:\d+\)\n/);
  });
});

describe.skipIf(noBpf)(kernel('the error of a program that every kernel refuses'), () => {
  const sentences: Record<string, string | RegExp> = {
    'null-check-in-subprogram': "R0 invalid mem access 'map_value_or_null'",
    'null-check-in-callback': "R0 invalid mem access 'map_value_or_null'",
    'second-branch': "R6 invalid mem access 'map_value_or_null'",
    'endless-loop': /^(infinite loop detected at insn 0|back-edge from insn)/,
    'combined-stack': /^combined stack size of 2 calls is 800/,
    'missing-field': 'struct task_struct has no member no_such_field in this kernel',
  };

  it.each(Object.entries(sentences))('names its line: %s', (name, sentence) => {
    const error = thrown<VerifierError>(() => loadObject(refused[name]!()).close());
    expect(error).toBeInstanceOf(VerifierError);
    const [first] = error.message.split('\n');
    const reason = first!.slice(first!.indexOf('): ') + 3);
    if (typeof sentence === 'string') expect(reason).toBe(sentence);
    else expect(reason).toMatch(sentence);
    expect(error.source[0]!.file).toMatch(/refused\.ts$/);
    expect(error.source[0]!.text).toBeTruthy();
  });

  it('of a reached poison shows the line that reads the missing field', () => {
    const error = thrown<VerifierError>(() => loadObject(refused['missing-field']!()).close());
    expect(error.source[0]!.text).toContain('no_such_field');
  });
});
