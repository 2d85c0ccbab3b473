/**
 * @module
 * Iterators: programs that run for each of the kernel's tasks, maps, sockets... when their file is read
 * (Documentation/bpf/bpf_iterators.rst). Linux 5.8.
 */
import { type Hook, RequirementError } from '../object/index.ts';
import { FileDescriptor, linkCreate } from '../syscall/index.ts';
import { openCgroup } from './cgroup-directory.ts';
import { Link } from './link.ts';
import type { AttachContext } from './perf-link.ts';
import type { Program } from './program.ts';

export interface IteratorOptions {
  /** For `bpf_map_elem`, `bpf_sk_storage_map` and `sockmap`: the map whose elements it sees. */
  readonly map?: { readonly fd: number } | undefined;
  /** For `task` and its kin: only this thread; nothing once it has ended. Linux 6.1. */
  readonly task?: number | undefined;
  /** For `task` and its kin: only the threads of this process. Linux 6.1. */
  readonly process?: number | undefined;
  /** For `cgroup`: the path of a directory of cgroup2, where it starts. Linux 6.1. */
  readonly cgroup?: string | undefined;
  /** For `cgroup`: which ones. Without it the one and all below it, from above. */
  readonly order?: CgroupOrder | undefined;
}

export type CgroupOrder = keyof typeof ORDERS;

/** enum bpf_cgroup_iter_order */
const ORDERS = { self: 1, descendantsFirst: 3, parentsFirst: 2, ancestors: 4 } as const;

/** BPF_TRACE_ITER of `enum bpf_attach_type`. */
const BPF_TRACE_ITER = 28;

/** Those that see the elements of one map. */
const OF_MAPS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'bpf_map_elem',
  'bpf_sk_storage_map',
  'sockmap',
]);

/** Whether an iterator needs no options. */
export const iteratesAlone = ({ name }: Hook): boolean =>
  name !== '' && name !== 'cgroup' && !OF_MAPS.has(name);

/** iter. The result is opened, and read, any number of times. */
export const attachIterator = (
  program: Program,
  _context: AttachContext,
  options: IteratorOptions,
): Link => {
  const { section, name } = program.spec.hook;
  if (name === '')
    throw new RequirementError(`${section} does not say what it iterates: iter/NAME`);
  if (OF_MAPS.has(name) && !options.map)
    throw new RequirementError(`${section} sees the elements of a map: attach it with { map }`);
  if (name === 'cgroup' && options.cgroup === undefined)
    throw new RequirementError(`${section} starts at a control group: attach it with { cgroup }`);
  const cgroup = options.cgroup === undefined ? undefined : openCgroup(options.cgroup);
  try {
    const info = linkInfo(options, cgroup?.fd);
    const fd = linkCreate({
      progFd: program.fd,
      attachType: BPF_TRACE_ITER,
      extra: info && { kind: 'iter', info },
    });
    return new Link(section, 'link', [new FileDescriptor(fd, `link ${section}`)]);
  } finally {
    cgroup?.close();
  }
};

/** `union bpf_iter_link_info`; none when nothing is chosen, for kernels that know no more than maps. */
const linkInfo = (
  { map, task, process, order = 'parentsFirst' }: IteratorOptions,
  cgroup: number | undefined,
): Uint8Array | undefined => {
  if (map) return words(map.fd);
  if (cgroup !== undefined) return words(ORDERS[order], cgroup, 0, 0);
  if (task !== undefined) return words(task, 0, 0);
  if (process !== undefined) return words(0, process, 0);
  return undefined;
};

const words = (...values: readonly number[]): Uint8Array =>
  new Uint8Array(Uint32Array.from(values).buffer);
