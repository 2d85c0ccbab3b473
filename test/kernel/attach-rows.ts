/** Which row of docs/kernels.md shows what: all hooks that we know, and all attach types that the kernel knows. */
import assert from 'node:assert/strict';
import { kernelBtf } from '../../src/kernel/index.ts';
import { HOOKS, type HookType, parseSection } from '../../src/object/index.ts';
import type { Check } from './attach-support.ts';

/** Hooks without a row of their own, by the one that shows the same. */
const SHOWN_BY: Readonly<Partial<Record<HookType, string>>> = {
  'tc/ingress': 'tcx/ingress',
  'tc/egress': 'tcx/egress',
  'cgroup/skb': 'cgroup_skb/ingress',
  'cgroup/sock': 'cgroup/sock_create',
  // Its `init` may sleep.
  'struct_ops.s': 'struct_ops/sched_ext_ops',
};

/** Hooks that no program can be attached to: those of sections that say too little. */
const NO_HOOKS: ReadonlySet<HookType> = new Set(['unspec', 'sk_skb']);

/** Attach types of links only, that no program is loaded with: BPF_PERF_EVENT and BPF_STRUCT_OPS. */
const OF_LINKS: ReadonlySet<number> = new Set([41, 44]);

/** The hooks that no row shows. */
export const hooksWithoutRow = (rows: ReadonlySet<string>): readonly string[] => {
  const shown = new Set([...rows].map((row) => parseSection(row)?.type));
  return (Object.keys(HOOKS) as HookType[]).filter(
    (type) => !shown.has(type) && !rows.has(SHOWN_BY[type] ?? '') && !NO_HOOKS.has(type),
  );
};

/** What this kernel attaches programs by: the names of `enum bpf_attach_type`, less its end. */
const attachTypes = (): readonly { readonly name: string; readonly value: number }[] => {
  const btf = kernelBtf()!;
  const id = btf.findByName('bpf_attach_type', 'enum');
  const type = id === undefined ? undefined : btf.type(id);
  assert.ok(type?.kind === 'enum', 'the kernel has no enum bpf_attach_type');
  return type.values.filter(({ name }) => !name.startsWith('__MAX'));
};

/** Fails where there is something new. */
export const rowChecks = (checks: readonly Check[]): readonly Check[] => [
  {
    name: 'every hook and every attach type of this kernel has a row',
    hook: 'attach types',
    way: 'each has a row',
    run: () => {
      const rows = new Set(checks.map(({ hook }) => hook));
      assert.deepEqual(hooksWithoutRow(rows), []);
      const known = new Set(Object.values(HOOKS).map(({ attach }) => attach));
      const unknown = attachTypes().filter(
        ({ value }) => !known.has(value) && !OF_LINKS.has(value),
      );
      assert.deepEqual(unknown, []);
    },
  },
];
