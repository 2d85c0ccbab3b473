import { describe, expect, it } from 'vitest';
import { explain, unknownLines } from '../../src/verifier/index.ts';
import { CLASSES, recordedLogs } from './rejected/verdicts.ts';

/** Recorded by test/golden/verifier/record-rejected.ts. */
const recorded = (group: (typeof CLASSES)[number], name: string): string =>
  recordedLogs(group).get(name)!;

describe('the explanation of a refusal', () => {
  it('says what a register held, and goes back through the stack to the call that made it', () => {
    const log = recorded('null-check', 'a pointer that was kept on the stack');
    expect(explain(log)).toEqual({
      class: 'null-check',
      message: "R7 invalid mem access 'map_value_or_null'",
      cause: 'r7 may be 0 here: a look-up gives 0 when there is no such entry',
      repair: 'compare it with 0 first: jeq(r7, 0, out)',
      slot: 9,
      refused: { slot: 9, text: 'r1 = *(u64 *)(r7 +0)' },
      held: [
        {
          register: 'r7',
          value: 'map_value_or_null(id=1,map=entries,ks=4,vs=32)',
          meaning: 'the value of the map entries, or 0',
          provenance: [
            { slot: 8, text: 'r7 = *(u64 *)(r10 -8)' },
            { slot: 6, text: '*(u64 *)(r10 -8) = r0' },
            { slot: 5, text: 'call bpf_map_lookup_elem#1' },
          ],
        },
      ],
    });
  });

  it('goes back from a subprogram to its caller', () => {
    const log = recorded('bounds', 'an index in a subprogram');
    expect(explain(log)?.held[0]).toMatchObject({
      register: 'r1',
      meaning: 'a number without known limits',
      provenance: [
        { slot: 2, text: 'r1 = r6' },
        { slot: 1, text: 'r6 = r0' },
        { slot: 0, text: 'call bpf_get_prandom_u32#7' },
      ],
    });
  });

  it('goes back along the way that was taken, not along the lines of the log', () => {
    const log = recorded('null-check', 'one of two ways without a check');
    expect(explain(log)?.held[0]?.provenance.map(({ slot }) => slot)).toEqual([6, 5]);
  });

  it('counts the turns of a loop once', () => {
    const log = recorded('bounds', 'a loop that goes one too far');
    expect(explain(log)?.held[0]?.provenance.map(({ text }) => text)).toEqual([
      'r7 += 8',
      'r7 = 0xffff888000000000',
    ]);
  });

  it('names the call that made a number of a pointer', () => {
    const stale = recorded('stale-packet', 'after bpf_xdp_adjust_head');
    expect(explain(stale)?.cause).toBe(
      'r6 pointed into the packet, but bpf_xdp_adjust_head may have moved it: such pointers are void after it',
    );
    const released = recorded('use-after-release', 'a record that is submitted twice');
    expect(explain(released)?.cause).toBe(
      'r1 was a record of a ring buffer, and bpf_ringbuf_submit gave that back: it is only a number now',
    );
  });

  it('names the argument of a helper', () => {
    const log = recorded('helper-argument', 'the arguments of an update in the wrong order');
    expect(explain(log)?.cause).toBe(
      'r2, the argument key of bpf_map_update_elem, is the number 5; it must be memory',
    );
  });

  it('blames what was taken and not given back, rather than the end', () => {
    const log = recorded('reference-leak', 'a record that an early end forgets');
    expect(explain(log)).toMatchObject({ slot: 4, refused: { slot: 15, text: 'exit' } });
    const lock = recorded('lock', 'a lock that is never unlocked');
    expect(explain(lock)).toMatchObject({ slot: 9, refused: { slot: 11, text: 'exit' } });
  });

  it('spells repairs in C for programs in C', () => {
    const log = recorded('null-check', 'a load from what was looked up');
    expect(explain(log, { isC: true })?.repair).toBe(
      'compare it with 0 first: if (!pointer) return 0;',
    );
  });

  it("has the kernel's sentence alone where no rule knows it", () => {
    const log = '0: R1=ctx() R10=fp0\n0: (95) exit\nthe moon is in the wrong place\n';
    expect(explain(log)).toEqual({
      class: undefined,
      message: 'the moon is in the wrong place',
      cause: undefined,
      repair: undefined,
      slot: 0,
      refused: { slot: 0, text: 'exit' },
      held: [],
    });
    expect(unknownLines(log)).toEqual(['the moon is in the wrong place']);
  });

  it('is none of a log that says nothing', () => {
    expect([explain(''), explain('\n')]).toEqual([undefined, undefined]);
  });

  it('takes logs that are cut anywhere', () => {
    for (const group of CLASSES) {
      const [log] = recordedLogs(group).values();
      for (let at = 0; at < Math.min(log!.length, 2000); at += 13) {
        explain(log!.slice(at));
        explain(log!.slice(0, at));
      }
    }
  });
});

/** Sentences of kernels of the matrix, which differ from those of Linux 6.18. */
describe('the explanation of what another kernel says', () => {
  it.each([
    [
      'misaligned-access',
      '0: (7a) *(u64 *)(r10 -12) = 0\nmisaligned stack access off (0x0; 0x0)+0+-12 size 8\n',
    ],
    ['lock', '4: (85) call bpf_spin_lock#93\n5: (95) exit\nbpf_spin_unlock is missing\n'],
    [
      'stack-bounds',
      '8: (71) r1 = *(u8 *)(r2 +0)\ninvalid variable-offset read from stack R2 var_off=(0x0; 0x1f) size=1\n',
    ],
    ['wrong-map', '3: (85) call bpf_tail_call#12\nkernel subsystem misconfigured verifier\n'],
    ['kernel-function', 'invalid kernel function call not eliminated in verifier pass\n'],
    ['endless-loop', 'back-edge from insn 3 to 1\n3: jne(r6, 7, top)\n'],
    ['helper-argument', '3: (85) call bpf_dynptr_data#203\nExpected an initialized dynptr as R1\n'],
    [
      'kernel-function',
      '1: (85) call bpf_task_acquire#7\nR1 pointer type STRUCT task_struct must point to scalar, or struct with scalar\n',
    ],
    [
      'kernel-function',
      '1: (85) call bpf_task_release#7\nrelease kfunc bpf_task_release expects referenced PTR_TO_BTF_ID passed to R1\n',
    ],
    ['sleepable', 'Sleepable program cannot attach to non-faultable tracepoint sched_switch\n'],
    ['lock', '0: (85) call bpf_rcu_read_lock#5\n2: (95) exit\nbpf_rcu_read_unlock is missing\n'],
    ['lock', '0: (85) call bpf_preempt_disable#5\n2: (95) exit\n1 bpf_preempt_enable is missing\n'],
    [
      'bounds',
      "5: (85) call bpf_ringbuf_reserve#131\nR2 unbounded size, use 'var &= const' or 'if (var < const)'\n",
    ],
    [
      'context-access',
      '1: (c3) lock *(u32 *)(r1 +8) += r2\nBPF_XADD stores into R1 ctx is not allowed\n',
    ],
    [
      'uninitialised-register',
      'arg#0 type is not a struct\nUnrecognized arg#0 type PTR\n0: R1=ctx(id=0,off=0,imm=0) R10=fp0\n0: (bf) r0 = r6\nR6 !read_ok\n',
    ],
    ['bounds', '9: (85) call bpf_skb_load_bytes#26\ninvalid zero-sized read\n'],
  ])('finds a mistake of the class %s', (group, log) => {
    expect(explain(log)?.class).toBe(group);
    expect(unknownLines(log)).toEqual([]);
  });
});
