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

/** How what a helper made is given back. */
const BACK: Readonly<Record<string, string>> = {
  bpf_ringbuf_reserve:
    'submit or discard it on every way that follows: call(helper.ringbuf_submit, record, 0)',
  bpf_ringbuf_reserve_dynptr:
    'submit or discard it on every way, also when the reservation failed: call(helper.ringbuf_discard_dynptr, pointer, 0)',
  bpf_sk_lookup_tcp:
    'release it on every way on which it is not 0: call(helper.sk_release, socket)',
  bpf_sk_lookup_udp:
    'release it on every way on which it is not 0: call(helper.sk_release, socket)',
  bpf_skc_lookup_tcp:
    'release it on every way on which it is not 0: call(helper.sk_release, socket)',
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
    pattern: /Unreleased reference id=\d+ alloc_insn=(\d+)/,
    explain: ({ match, steps, step }) => {
      const slot = Number(match[1]);
      const made = steps.findLast((each) => each.slot === slot);
      const called = calledBy(made);
      const end = step?.text === 'exit' ? 'the program can end' : 'control can leave the program';
      return {
        cause: `what ${called ?? 'this'} made here is never given back on one way: ${end} without it at instruction ${step?.slot}`,
        repair: BACK[called ?? ''] ?? 'release it on every way on which it is not 0',
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
      /bpf_spin_unlock without taking a lock|unmatched rcu read unlock|unmatched attempt to enable preemption/,
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
    pattern: /map '(.*)' (?:has no valid|is not a struct type or) (\w+)/,
    explain: ({ match }) => ({
      cause: `the values of the map ${match[1]} have no ${match[2]}`,
      repair: `put a struct ${match[2]} into its value, at an offset that is a multiple of 4`,
      registers: ['r1'],
    }),
  },
];
