/**
 * @module
 * What must be given back: records, sockets, objects of the kernel; locks and regions.
 */
import { baseOf, type Case, calledBy, type Rule } from '../rule.ts';
import type { Step } from '../steps.ts';

/** The last step of the way that calls one of these. */
const lastCall = ({ steps }: Case, name: RegExp): Step | undefined => {
  for (
    let at: number | undefined = steps.length - 1;
    at !== undefined && at >= 0;
    at = steps[at]!.previous
  ) {
    if (name.test(calledBy(steps[at]) ?? '')) return steps[at];
  }
  return undefined;
};

/** How what a helper made is given back: when, and in which words. */
const BACK: Readonly<
  Record<string, { readonly when: string; readonly c: string; readonly ts: string }>
> = {
  bpf_ringbuf_reserve: {
    when: 'submit or discard it on every way that follows',
    c: 'bpf_ringbuf_submit(record, 0);',
    ts: 'call(helper.ringbuf_submit, record, 0)',
  },
  bpf_ringbuf_reserve_dynptr: {
    when: 'submit or discard it on every way, also when the reservation failed',
    c: 'bpf_ringbuf_discard_dynptr(&pointer, 0);',
    ts: 'call(helper.ringbuf_discard_dynptr, pointer, 0)',
  },
};

const backOf = (called: string | undefined, isC: boolean): string => {
  const known = BACK[called ?? ''];
  if (known) return `${known.when}: ${isC ? known.c : known.ts}`;
  const release = 'release it on every way on which it is not 0';
  if (!/^bpf_skc?_lookup_/.test(called ?? '')) return release;
  return `${release}: ${isC ? 'bpf_sk_release(socket);' : 'call(helper.sk_release, socket)'}`;
};

/** What must be ended, by the function that the kernel names: the one that begins it, or that ends it. */
const REGIONS = [
  {
    name: /spin/,
    begin: /^bpf_(?:res_)?spin_lock/,
    cause: 'the lock that is taken here is still held at the end of this way',
    repair: 'unlock it on every way that follows',
  },
  {
    name: /rcu/,
    begin: /^bpf_rcu_read_lock/,
    cause: 'the region of RCU that begins here is not ended on this way',
    repair: 'end it on every way that follows: bpf_rcu_read_unlock',
  },
  {
    name: /preempt/,
    begin: /^bpf_preempt_disable/,
    cause: 'preemption is stopped here, and not allowed again on this way',
    repair: 'allow it on every way that follows: bpf_preempt_enable',
  },
  {
    name: /irq/,
    begin: /^bpf_local_irq_save/,
    cause: 'interrupts are stopped here, and not allowed again on this way',
    repair: 'allow them on every way that follows: bpf_local_irq_restore',
  },
] as const;

export const REFERENCES: readonly Rule[] = [
  {
    class: 'reference-leak',
    pattern: /(?:Unreleased|Leaking) reference id=\d+ alloc_insn=(\d+)/,
    explain: ({ match, steps, step, isC }) => {
      const slot = Number(match[1]);
      const made = steps.findLast((each) => each.slot === slot);
      const called = calledBy(made);
      const end = step?.text === 'exit' ? 'the program can end' : 'control can leave the program';
      return {
        cause: `what ${called ?? 'this'} made here is never given back on one way: ${end} without it at instruction ${step?.slot}`,
        repair: backOf(called, isC),
        slot,
        registers: [],
      };
    },
  },
  {
    class: 'lock',
    pattern: /cannot be used inside bpf_(\w+)-ed region|bpf_(\w+) is missing/,
    explain: (it) => {
      const name = it.match[1] ?? it.match[2]!;
      const region = REGIONS.find((each) => each.name.test(name));
      return {
        cause: region?.cause ?? `what bpf_${name} belongs to is not ended on this way`,
        repair: region?.repair ?? 'end it on every way',
        slot: region && lastCall(it, region.begin)?.slot,
        registers: [],
      };
    },
  },
  {
    class: 'lock',
    pattern:
      /function calls are not allowed while holding a lock|kernel func.* while holding a lock/,
    explain: (it) => ({
      cause: `${calledBy(it.step) ?? 'this'} is called while a lock is held`,
      repair: 'call it before the lock is taken, or after it was unlocked',
      registers: [],
    }),
  },
  {
    class: 'lock',
    pattern:
      /\w+_unlock without taking a lock|unmatched rcu read unlock|unmatched attempt to enable preemption/,
    explain: ({ step }) => ({
      cause: `${calledBy(step) ?? 'this'} ends what has not begun on this way`,
      repair: 'begin it first, on every way that leads here',
      registers: [],
    }),
  },
  {
    class: 'lock',
    pattern: /bpf_spin_unlock of different lock/,
    explain: () => ({
      cause: 'another lock is held than the one that is unlocked',
      repair: 'unlock with the pointer that it was locked with, of the same look-up',
      registers: ['r1'],
    }),
  },
  {
    class: 'lock',
    pattern: /\w+_unlock cannot be out of order|cannot restore irq state out of order/,
    explain: ({ step }) => ({
      cause: `${calledBy(step) ?? 'this'} ends what was begun earlier than something that is not ended yet`,
      repair: 'end what was begun last first',
      registers: ['r1'],
    }),
  },
  {
    class: 'lock',
    pattern: /Locking two bpf_spin_locks are not allowed|AA deadlock detected/,
    explain: () => ({
      cause: 'a lock is taken while one is held',
      repair: 'unlock the first before the second is taken',
      registers: ['r1'],
    }),
  },
  {
    class: 'lock',
    pattern: /progs cannot use (bpf_\S+) yet/,
    explain: ({ match }) => ({
      cause: `programs of this type may not use maps with a ${match[1]}`,
      repair: 'use atomic operations, or another type of program',
      registers: [],
    }),
  },
  {
    class: 'lock',
    pattern: /bpf_spin_lock at off=\d+ must be held for (\w+)/,
    explain: ({ match }) => ({
      cause: `${match[1]} needs the lock that belongs to the list or tree, and it is not held`,
      repair: 'take the lock beside it in the same value first',
      registers: [],
    }),
  },
  {
    class: 'lock',
    pattern:
      /R(\d+) doesn't have constant offset\. (?:bpf_)?(\S+) has to be at the constant offset/,
    explain: ({ match }) => ({
      cause: `r${match[1]} was moved by a number that is not constant, so nobody knows which ${match[2]} it points to`,
      repair: 'pass the address of that field, at a constant offset',
      registers: [`r${match[1]}`],
    }),
  },
  {
    class: 'lock',
    pattern: /(bpf_\w+) cannot be accessed (?:directly )?by/,
    explain: ({ match, step }) => ({
      cause: `this touches the bytes of a ${match[1]}, which only its helpers may`,
      repair: 'access the other fields of the value by themselves',
      registers: baseOf(step?.text),
    }),
  },
  {
    class: 'lock',
    pattern: /off (\d+) doesn't point to 'struct (\w+)'(?: that is at (\d+))?/,
    explain: ({ match }) => ({
      cause: `this points ${match[1]} bytes into the value, and its ${match[2]} is ${match[3] === undefined ? 'elsewhere' : `at ${match[3]}`}`,
      repair: 'pass the address of that field',
      registers: ['r1'],
    }),
  },
  {
    class: 'lock',
    pattern:
      /map '(.*)' (?:has no valid|is not a struct type or|has to have BTF in order to use) (\w+)/,
    explain: ({ match }) => ({
      cause: `the values of the map ${match[1]} have no ${match[2]}`,
      repair: `put a struct ${match[2]} into its value, at an offset that is a multiple of 4`,
      registers: ['r1'],
    }),
  },
];
