import { describe, expect, it } from 'vitest';
import { explain, type RefusalClass, unknownLines } from '../../src/verifier/index.ts';

/**
 * Sentences of the verifier that none of the rejected programs provokes, as format strings of Linux 7.2's image have
 * them (strings vmlinux), filled in by hand.
 */
const SENTENCES: readonly (readonly [string, RefusalClass])[] = [
  ['Expected an initialized dynptr as R1', 'helper-argument'],
  ['Expected a dynptr of type skb as R2', 'helper-argument'],
  ['Dynptr has to be an uninitialized dynptr', 'helper-argument'],
  ['cannot pass in dynptr at an offset=-8', 'helper-argument'],
  ['R1 expected pointer to stack or const struct bpf_dynptr', 'helper-argument'],
  ['expected an initialized iter_num as R1', 'helper-argument'],
  ['expected uninitialized iter_num as arg #0', 'helper-argument'],
  ['R1 expected pointer to an iterator on stack', 'helper-argument'],
  ['expected uninitialized irq flag as R1', 'helper-argument'],
  ['potential write to dynptr at off=-16 disallowed', 'helper-argument'],
  ["pointer in R1 isn't map pointer", 'helper-argument'],
  [
    'release helper bpf_sk_release expects referenced PTR_TO_BTF_ID passed to R1',
    'helper-argument',
  ],
  [
    "workqueue pointer in R1 map_uid=0 doesn't match map pointer in R2 map_uid=1",
    'helper-argument',
  ],
  ['at the time of BPF_LD_ABS|IND R6 != pointer to skb', 'helper-argument'],
  ['Possibly NULL pointer passed to helper R2', 'null-check'],
  ['R1 is expected to be non-NULL', 'null-check'],
  ['func bpf_get_func_ret#184 supported only for fentry/fexit programs', 'forbidden-helper'],
  ['func bpf_get_attach_cookie#174 not supported for program type 1', 'forbidden-helper'],
  ['JIT does not support calling kernel function', 'kernel-function'],
  ['R2 memory, len pair leads to invalid memory access', 'kernel-function'],
  ['R1 expected pointer to ctx, but got fp', 'kernel-function'],
  ['kernel func bpf_task_from_vpid is sleepable within rcu_read_lock', 'sleepable'],
  ['Program of this type cannot be sleepable', 'sleepable'],
  ['Sleepable programs can only use array, hash, ringbuf and local storage maps', 'sleepable'],
  ['destructive kfunc calls require CAP_SYS_BOOT capability', 'capability'],
  ["'struct task_struct' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN", 'capability'],
  ['R1 variable offset stack access prohibited for !root, var_off=(0x0; 0x7) off=-8', 'capability'],
  ['CAP_BPF and CAP_PERFMON are required to use arena', 'capability'],
  ["Cannot access kernel 'struct sock' from non-GPL compatible program", 'licence'],
  ['struct ops programs must have a GPL compatible license', 'licence'],
  ['Leaking reference id=3 alloc_insn=4. Release it first.', 'reference-leak'],
  ['bpf_res_spin_unlock without taking a lock', 'lock'],
  ['bpf_res_spin_unlock cannot be out of order', 'lock'],
  ['Locking two bpf_spin_locks are not allowed', 'lock'],
  ['Acquiring the same lock again, AA deadlock detected', 'lock'],
  ['tracing progs cannot use bpf_spin_lock yet', 'lock'],
  ['bpf_spin_lock at off=16 must be held for bpf_rb_root', 'lock'],
  ["R1 doesn't have constant offset. bpf_spin_lock has to be at the constant offset", 'lock'],
  ["map 'locked' has to have BTF in order to use bpf_spin_lock", 'lock'],
  ['kernel func bpf_rcu_thing requires RCU critical section protection', 'lock'],
  ['BPF_ATOMIC stores into R2 pkt is not allowed', 'invalid-instruction'],
  ['cannot use BPF_LD_[ABS|IND] within callback', 'invalid-instruction'],
  ["LD_ABS is only allowed in functions that return 'int'.", 'invalid-instruction'],
  [
    'addr_space_cast insn can only be used in a program that has an associated arena',
    'invalid-instruction',
  ],
  ['BPF_LD_[ABS|IND] uses reserved fields', 'invalid-instruction'],
  ["func 'sched_switch' offset 12 is not multiple of 8", 'context-access'],
  ['invalid access to context, ctx_size=64 off=64 size=8', 'context-access'],
  ['read from map forbidden, value_size=8 off=0 size=8', 'read-only'],
  ['R2 memory size 4294967295 is too large', 'bounds'],
  ['map_value pointer offset 536870912 is not allowed', 'bounds'],
  ['leaking pointer from stack off -8', 'pointer-leak'],
  ['attempt to corrupt spilled pointer on stack', 'pointer-leak'],
  ['R2 sign-extension part of pointer', 'pointer-arithmetic'],
  [
    'tail_calls are not allowed when call stack of previous frames is 264 bytes. Too large',
    'stack-depth',
  ],
  ['stack size of subprog 1 is 520. Too large', 'stack-depth'],
  ['mixing of tail_calls and bpf-to-bpf calls is not supported', 'subprogram'],
  ['cannot tail call within callback', 'subprogram'],
  ["tail_call is only allowed in functions that return 'int'.", 'subprogram'],
  ['callback function cannot be the main program', 'subprogram'],
  ['R2 is a packet pointer, but func#1 may change packet data', 'subprogram'],
  ['Global function f() return value not void or scalar. Only those are supported.', 'subprogram'],
  ['Arg#0 type UNION in f() is not supported yet.', 'subprogram'],
  ["BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!", 'return-value'],
];

describe('a sentence that no test provokes', () => {
  it.each(SENTENCES)('is explained: %s', (sentence, group) => {
    for (const isC of [false, true]) {
      const log = `3: (85) call bpf_something#4\n${sentence}\n`;
      const explanation = explain(log, { isC })!;
      expect(explanation.class).toBe(group);
      expect(explanation.cause).toMatch(/^\S.*[^.]$/s);
      expect(explanation.repair).toMatch(/^\S.*[^.]$/s);
      expect(`${explanation.cause} ${explanation.repair}`).not.toMatch(/undefined|NaN|\[object/);
      expect(unknownLines(log)).toEqual([]);
    }
  });

  it('is a remark where nothing is refused', () => {
    expect(unknownLines('frame1 bpf_loop iteration limit reached\n')).toEqual([]);
  });
});
