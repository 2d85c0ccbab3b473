import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { exit, mov, r0, tc } from '../../src/index.ts';
import { VerifierError } from '../../src/kernel/index.ts';
import { explain, parseRefusal, tailOf, unknownLines } from '../../src/verifier/index.ts';
import { areReported, reportsOf } from '../../src/verifier/report.ts';
import { linked, world } from '../object/support.ts';

const RECORDED = readFileSync(
  new URL('../golden/verifier/reports/unreadable-register.txt', import.meta.url),
  'utf8',
);

/**
 * Not seen live: written by hand after kernel/bpf/diagnostics.c of Linux 7.3 (bpf_diag_source, diag_print_history), for
 * a program with lines.
 */
const WITH_LINES = `2: (79) r6 = *(u64 *)(r10 -8)         ; R6=map_value_or_null(id=2,map=entries,ks=4,vs=32)
; entry->count += 1; @ count.c:12
3: (79) r1 = *(u64 *)(r6 +0)
R6 invalid mem access 'map_value_or_null'

Verification failed: Register Type Safety: Invalid dereference

Reason:
  R6 may be NULL here (a nullable map value pointer). The program could dereference NULL on this
  path, so the verifier cannot prove this access is safe.

At:
  count @ count.c:12:15
  Source context:
      10 | ...
      11 | ...
  >>> 12 |         entry->count += 1;
         |         ^-- error: invalid dereference of R6 (a nullable map value
         |             pointer)
      13 |         return 0;
      14 | ...
  Instruction context:
      1 | (7b) *(u64 *)(r10 -8) = r0
      2 | (79) r6 = *(u64 *)(r10 -8)
  >>> 3 | (79) r1 = *(u64 *)(r6 +0)
      4 | (95) exit

Causal path:
  count @ count.c:9:10
  Source context:
  >>>  9 |         entry = bpf_map_lookup_elem(&entries, &pid);
         |         ^-- spilled: stack slot fp-8 changed from uninitialized value to nullable map value from entries at offset 0
  Instruction context:
  >>> 1 | (7b) *(u64 *)(r10 -8) = r0

  insn 2
        | ^-- update: R6 changed from uninitialized value to nullable map value from entries at offset 0
  Instruction context:
  >>> 2 | (79) r6 = *(u64 *)(r10 -8)

Suggestion:
  Add a NULL check before the access and dereference the pointer only on the non-NULL path.

processed 4 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

describe('a report of Linux 7.3, not seen live', () => {
  it('is read as it was recorded', () => {
    expect(parseRefusal(RECORDED)).toEqual({
      message: 'R0 !read_ok',
      instruction: 0,
      text: 'exit',
      origin: undefined,
      registers: { r1: 'ctx()', r10: 'fp0' },
      report: {
        category: 'Register Type Safety',
        problem: 'Unreadable register',
        reason:
          'R0 has never been initialized on this path, so the verifier cannot use it as an input.',
        at: {
          label: 'error',
          text: 'R0 is not readable',
          slot: 0,
          instruction: 'exit',
          source: undefined,
        },
        path: [],
        suggestion: 'Initialize R0 on every path before this instruction.',
      },
    });
    expect(unknownLines(RECORDED)).toEqual([]);
  });

  it('leaves the explanation to the sentence that older kernels write as well', () => {
    expect(explain(RECORDED)).toMatchObject({
      class: 'uninitialised-register',
      cause: 'the program ends without a result: nothing has written r0 on this way',
      repair: 'mov(r0, 0) before exit()',
      slot: 0,
    });
    // The report would be all of it.
    expect(tailOf(RECORDED, 3)).toEqual([
      '0: (95) exit',
      'R0 !read_ok',
      expect.stringContaining('processed 1 insns'),
    ]);
  });

  it('has lines of the source, and says how it came to that', () => {
    const { report } = parseRefusal(WITH_LINES)!;
    expect(report!.reason).toMatch(/^R6 may be NULL here .* on this path, so .* is safe\.$/);
    expect(report!.at).toEqual({
      label: 'error',
      text: 'invalid dereference of R6 (a nullable map value pointer)',
      slot: 3,
      instruction: 'r1 = *(u64 *)(r6 +0)',
      source: { file: 'count.c', line: 12, column: 15 },
    });
    expect(report!.path).toEqual([
      {
        label: 'spilled',
        text: 'stack slot fp-8 changed from uninitialized value to nullable map value from entries at offset 0',
        slot: 1,
        instruction: '*(u64 *)(r10 -8) = r0',
        source: { file: 'count.c', line: 9, column: 10 },
      },
      {
        label: 'update',
        text: 'R6 changed from uninitialized value to nullable map value from entries at offset 0',
        slot: 2,
        instruction: 'r6 = *(u64 *)(r10 -8)',
        source: undefined,
      },
    ]);
    expect(unknownLines(WITH_LINES)).toEqual([]);
  });

  it('knows where a value comes from when the beginning of the log was cut', () => {
    const cut = WITH_LINES.slice(WITH_LINES.indexOf('; entry->count')).replace(
      '3: (79)',
      '3: R6=map_value_or_null(id=2,map=entries,ks=4,vs=32)\n3: (79)',
    );
    expect(explain(cut)).toMatchObject({
      class: 'null-check',
      slot: 3,
      held: [{ register: 'r6', provenance: [{ slot: 2, text: 'r6 = *(u64 *)(r10 -8)' }] }],
    });
  });

  it('is the explanation of what no rule knows', () => {
    const log = RECORDED.replace('R0 !read_ok', 'R0 is quite beyond us').replace(
      'Register Type Safety: Unreadable register',
      'New Kind Of Safety',
    );
    const explanation = explain(log)!;
    expect(explanation).toMatchObject({
      class: undefined,
      message: 'R0 is quite beyond us',
      cause:
        'R0 has never been initialized on this path, so the verifier cannot use it as an input',
      repair: 'Initialize R0 on every path before this instruction',
      slot: 0,
    });
    expect(parseRefusal(log)!.report).toMatchObject({
      category: 'New Kind Of Safety',
      problem: '',
    });
    expect(unknownLines(log)).toEqual(['R0 is quite beyond us']);
    const program = linked(tc([mov(r0, 0), exit()]), world());
    expect(new VerifierError(program, log).explanation.split('\n').slice(-3)).toEqual([
      '  instruction 0: exit',
      '  R0 has never been initialized on this path, so the verifier cannot use it as an input',
      '  what may help: Initialize R0 on every path before this instruction',
    ]);
  });

  it('is the explanation without a sentence, too', () => {
    const log = RECORDED.slice(RECORDED.indexOf('Verification failed'));
    expect(explain(log)).toMatchObject({ slot: 0, cause: expect.stringMatching(/^R0 has never/) });
  });

  it('may follow each of several sentences', () => {
    const leak = (id: number) => `Unreleased reference id=${id} alloc_insn=${id}

Verification failed: Resource Lifetime Safety: Unreleased resource

Reason:
  Owned resource (id=${id}) was acquired at instruction ${id} and still needs to be released before
  this exit path.

At:
  insn 9
        | ^-- error: owned resource (id=${id}) still needs release
  Instruction context:
  >>> 9 | (95) exit

`;
    const log = `9: (95) exit\n${leak(1)}${leak(2)}BPF_EXIT instruction in main prog would lead to reference leak\n`;
    expect(parseRefusal(log)).toMatchObject({
      message:
        'Unreleased reference id=1 alloc_insn=1; Unreleased reference id=2 alloc_insn=2; BPF_EXIT instruction in main prog would lead to reference leak',
      origin: 1,
      report: { problem: 'Unreleased resource', at: { slot: 9 } },
    });
    expect(explain(log)).toMatchObject({ class: 'reference-leak', slot: 1 });
    expect(unknownLines(log)).toEqual([]);
  });

  it('is no trouble when the log is cut anywhere', () => {
    for (const log of [RECORDED, WITH_LINES])
      for (let at = 0; at <= log.length; at++) {
        explain(log.slice(0, at));
        explain(log.slice(at));
      }
  });
});

describe('lines of a form that nobody knows yet', () => {
  const LINES = [
    'diagnostic: something entirely new (level 7)',
    '{"kind":"verdict","insn":4,"regs":["R1=ctx()"]}',
    '\tindented by a tab, R1 and fp-8 in it',
    '>>> 12 | 0x00 | ???',
    '7: R1 <- ctx (new syntax)',
  ];

  it.each(LINES)('are passed over wherever they stand: %s', (strange) => {
    for (const log of [RECORDED, WITH_LINES]) {
      const { cause, repair, ...expected } = explain(log)!;
      const lines = log.split('\n');
      for (let at = 0; at < lines.length; at++) {
        const found = explain(lines.toSpliced(at, 0, strange).join('\n'))!;
        expect(found.class).toBe(expected.class);
        expect(found.slot).toBe(expected.slot);
        expect([found.cause, found.repair]).toEqual([cause, repair]);
        expect(found.held).toEqual(expected.held);
      }
    }
  });

  it('are kept as text where the kernel says why', () => {
    const log = `0: (95) exit\n${LINES[0]}\nR0 !read_ok\n`;
    expect(parseRefusal(log)!.message).toBe(`${LINES[0]}; R0 !read_ok`);
    expect(unknownLines(log)).toEqual([LINES[0]]);
  });

  it('end where the next begins', () => {
    const reported = (text: string) => {
      const lines = text.split('\n');
      const flags = areReported(lines);
      return reportsOf(lines.filter((_, index) => flags[index]));
    };
    const other = WITH_LINES.replaceAll('Invalid dereference', 'Another problem');
    const [one] = reported(WITH_LINES);
    expect(one?.suggestion).toMatch(/^Add a NULL check .* on the non-NULL path\.$/);
    expect(reported(`${WITH_LINES}\n${other}`)).toEqual([
      one,
      { ...one, problem: 'Another problem' },
    ]);
  });
});
