/**
 * @module
 * Iterators and hooks of the security module: functions of the kernel that are there for BPF programs, found in its types.
 */
import type { Btf, BtfFunction } from '../../btf/index.ts';
import type { Probe } from './probe.ts';
import type { ProbeSources } from './sources.ts';
import { NO_TRAMPOLINES, trampolineTest } from './trampolines.ts';
import { NO_TYPES } from './types.ts';
import type { Wanted } from './wanted.ts';

/** Linux 5.8. */
export const iterators = ({ types, hook, accepts, miss }: Wanted): Probe[] => {
  if (types.all.length === 0) miss(NO_TYPES);
  return types.all.flatMap(({ btf, module }) =>
    suffixes(types.functions(btf), 'bpf_iter_')
      .filter(({ id, name }) => accepts(name, module) && isIterator(btf, id))
      .map(({ name }): Probe => ({ kind: 'iter', section: `${hook}/${name}`, name, module })),
  );
};

/** What follows a prefix in the names of functions. */
const suffixes = (functions: readonly BtfFunction[], prefix: string) =>
  functions
    .filter(({ name }) => name.startsWith(prefix))
    .map((each) => ({ ...each, name: each.name.slice(prefix.length) }));

/** Many functions have such names; those that stand for an iterator are `int f(struct bpf_iter_meta *, ...)`. */
const isIterator = (btf: Btf, id: number): boolean => {
  const func = btf.type(id);
  const proto = func.kind === 'func' ? btf.type(func.type) : undefined;
  if (proto?.kind !== 'func_proto' || btf.resolve(proto.returnType).kind !== 'int') return false;
  const pointer = btf.resolve(proto.params[0]?.type ?? 0);
  return pointer.kind === 'ptr' && btf.resolve(pointer.type).name === 'bpf_iter_meta';
};

/** Linux 5.7. */
export const securityHooks = (
  sources: ProbeSources,
  { types, hook, accepts, miss, doubt }: Wanted,
): Probe[] => {
  const btf = types.of(undefined);
  if (!btf) {
    miss(NO_TYPES);
    return [];
  }
  const takes = trampolineTest(sources);
  if (!takes) {
    miss(NO_TRAMPOLINES);
    return [];
  }
  const known = hooksOf(btf);
  const isRefused = (name: string): boolean =>
    Object.hasOwn(DISABLED, name) && sources.isAtLeast(DISABLED[name]!);
  const hooks = suffixes(types.functions(btf), 'bpf_lsm_').filter(
    ({ name, shape }) => known.has(name) && !isRefused(name) && shape && takes(shape),
  );
  const running = sources.securityModules();
  if (hooks.length === 0) miss('this kernel has no hooks for BPF programs (CONFIG_BPF_LSM)');
  else if (running && !running.includes('bpf'))
    doubt(
      `programs can be attached, and will not run: start the kernel with lsm=${running.join(',')},bpf`,
    );
  return hooks
    .filter(({ name }) => accepts(name))
    .map(({ name }) => ({ kind: 'lsm', section: `${hook}/${name}`, name }));
};

/** The names of all hooks, each a member of this union; other functions have such names, too. */
const hooksOf = (btf: Btf): ReadonlySet<string> => {
  const id = btf.findByName('security_list_options', 'union');
  const union = id === undefined ? undefined : btf.type(id);
  return new Set(union?.kind === 'union' ? union.members.map(({ name }) => name) : []);
};

/**
 * Hooks whose results programs could not give, refused from these versions on (bpf_lsm_disabled_hooks of
 * kernel/bpf/bpf_lsm.c). Nothing in the kernel's types tells them.
 */
const DISABLED: Readonly<Record<string, string>> = {
  audit_rule_match: '6.12',
  file_alloc_security: '7.0',
  getprocattr: '6.12',
  getselfattr: '6.12',
  inode_copy_up_xattr: '6.12',
  inode_getsecurity: '6.12',
  inode_listsecurity: '6.12',
  inode_need_killpriv: '6.12',
  ismaclabel: '6.12',
  key_getsecurity: '6.12',
  setprocattr: '6.12',
  vm_enough_memory: '6.12',
  // Later, and then in the stable releases of 6.12.
  xfrm_decode_session: '6.12',
};
