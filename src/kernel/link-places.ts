/**
 * @module
 * Where a link is, in names: the hook, and the interface, control group, function or map behind the numbers that the
 * kernel gives.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { Btf } from '../btf/index.ts';
import { HOOKS, type HookType } from '../object/index.ts';
import {
  btfInfo,
  closeFd,
  fdById,
  type LinkInfo,
  type LinkTarget,
  PERF_TYPE,
} from '../syscall/index.ts';
import { HARDWARE, SOFTWARE } from './attach-perf-event.ts';
import { kernelBtf, moduleBtfs } from './kernel-btf.ts';
import { kernelSymbol } from './kernel-symbols.ts';
import { loadedBtf, loadedById } from './loaded.ts';

export interface LinkPlace {
  /** As in section names, with what it is of: `fentry/vfs_read`, `tcx/ingress of eth0`. */
  readonly where: string;
  /** What the kernel says, and the names that were found. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** The directories of control groups by their ids. */
export type Cgroups = ReadonlyMap<bigint, string>;

/**
 * undefined for links that the kernel or beespoke does not know.
 * @param cgroups All that there are, for those who ask for many links: reading them takes a while.
 */
export const placeOf = (
  { target, progId }: LinkInfo,
  cgroups: () => Cgroups = readCgroups,
): LinkPlace | undefined => {
  if (!target) return undefined;
  const { kind: _, ...details } = target;
  const { where, ...names } = namesOf(target, progId, cgroups);
  return { where, details: { ...details, ...names } };
};

type Names = { readonly where: string } & Readonly<Record<string, unknown>>;

const namesOf = (target: LinkTarget, progId: number, cgroups: () => Cgroups): Names => {
  switch (target.kind) {
    case 'raw_tracepoint': {
      const isTyped = loadedById('prog', progId)?.type === 'tracing';
      return { where: `${isTyped ? 'tp_btf' : 'raw_tp'}/${target.name}` };
    }
    case 'tracing':
      return ofTracing(target, progId);
    case 'cgroup': {
      const attachType = attachName(target.attachType, 'cgroup');
      const cgroup = cgroups().get(target.cgroupId);
      return { where: `${attachType} of ${cgroup ?? target.cgroupId}`, attachType, cgroup };
    }
    case 'iter':
      return {
        where: `iter/${target.name}${target.mapId === 0 ? '' : ` of map ${target.mapId}`}`,
        mapId: target.mapId || undefined,
      };
    case 'netns': {
      const attachType = attachName(target.attachType);
      return { where: `${attachType} of netns ${target.inode}`, attachType };
    }
    case 'xdp': {
      const name = interfaceName(target.ifindex);
      return { where: `xdp of ${name ?? `interface ${target.ifindex}`}`, interface: name };
    }
    case 'tcx':
    case 'netkit': {
      const attachType = attachName(target.attachType, target.kind);
      const name = interfaceName(target.ifindex);
      const place = name ?? `interface ${target.ifindex}`;
      return { where: `${attachType} of ${place}`, attachType, interface: name };
    }
    case 'struct_ops':
    case 'sockmap': {
      const attachType = target.kind === 'sockmap' ? attachName(target.attachType) : undefined;
      const map = loadedById('map', target.mapId)?.name || undefined;
      const name = map === undefined ? '' : ` (${map})`;
      const where = `${attachType ?? target.kind} of map ${target.mapId}${name}`;
      return { where, attachType, map };
    }
    case 'netfilter': {
      const { family, hook, priority } = target;
      const familyName = FAMILIES[family] ?? `family ${family}`;
      const hookName = NETFILTER_HOOKS[hook] ?? `hook ${hook}`;
      const where = `netfilter ${familyName} ${hookName}, priority ${priority}`;
      return { where, familyName, hookName };
    }
    case 'kprobe_multi': {
      const functions = target.addresses.map((address) => kernelSymbol(address)?.name ?? null);
      const prefix = (target.flags & RETURNS) === 0 ? 'kprobe.multi' : 'kretprobe.multi';
      return { where: `${prefix} at ${listed(functions, target.count, 'functions')}`, functions };
    }
    case 'uprobe_multi': {
      const prefix = (target.flags & RETURNS) === 0 ? 'uprobe.multi' : 'uretprobe.multi';
      const { count } = target;
      return { where: `${prefix}/${target.path}, ${count} ${count === 1 ? 'place' : 'places'}` };
    }
    case 'uprobe':
    case 'kprobe': {
      const prefix = target.isReturn ? target.kind.replace('probe', 'retprobe') : target.kind;
      const offset = target.offset === 0 ? '' : `+0x${target.offset.toString(16)}`;
      return { where: `${prefix}/${target.name}${offset}` };
    }
    case 'tracepoint':
      return { where: `tracepoint ${target.name}` };
    case 'event': {
      const event = eventName(target);
      return {
        where: `perf_event ${event ?? `type ${target.type}, config ${target.config}`}`,
        event,
      };
    }
  }
};

// ----------
// Hooks
// ----------

/** BPF_F_KPROBE_MULTI_RETURN and BPF_F_UPROBE_MULTI_RETURN */
const RETURNS = 1;

/** What section names call a number of `enum bpf_attach_type`; the first, or the first that begins so. */
const attachName = (attachType: number, prefix = ''): string => {
  const names = (Object.keys(HOOKS) as HookType[]).filter(
    (name) => HOOKS[name].attach === attachType && (attachType !== 0 || name.startsWith('cgroup_')),
  );
  return names.find((name) => name.startsWith(prefix)) ?? names[0] ?? `attach type ${attachType}`;
};

const listed = (names: readonly (string | null)[], count: number, noun: string): string => {
  const known = names.flatMap((name) => name ?? []);
  if (known.length === 0 || known.length < count) return `${count} ${noun}`;
  return known.length > 3
    ? `${known.slice(0, 3).join(', ')} and ${count - 3} more`
    : known.join(', ');
};

/** What is traced: in the types of the kernel, of a module, or of a program. */
const ofTracing = (target: Extract<LinkTarget, { kind: 'tracing' }>, progId: number): Names => {
  const { targetObjId, targetBtfId } = target;
  const attachType = attachName(target.attachType);
  // The number is that of a BTF object or of a program; since Linux 6.0 the program tells in whose types its target is.
  const types = kernelTypes(loadedById('prog', progId)?.attachBtfObjId || targetObjId);
  if (types) {
    const name = types.btf.has(targetBtfId) ? types.btf.name(targetBtfId) : `type ${targetBtfId}`;
    const place = name.replace(/^(btf_trace|bpf_lsm|bpf_iter)_/, '');
    const { module } = types;
    const where = `${attachType}/${place}${module ? ` of ${module}` : ''}`;
    return { where, attachType, target: place, module };
  }
  const hook = target.attachType === 0 ? 'freplace' : attachType;
  const program = loadedById('prog', targetObjId);
  const btf = program && loadedBtf(program.btfId);
  if (!btf?.has(targetBtfId)) return { where: hook, attachType: hook };
  const name = btf.name(targetBtfId);
  return { where: `${hook}/${name} of prog ${targetObjId}`, attachType: hook, target: name };
};

/** The types of the kernel or of a module by the id of their BTF; undefined for ids of other BTF. */
const kernelTypes = (
  id: number,
): { readonly btf: Btf; readonly module: string | undefined } | undefined => {
  const fd = id === 0 ? undefined : fdById('btf', id);
  if (fd === undefined) return undefined;
  try {
    const { kernel, name } = btfInfo(fd);
    const module = name === 'vmlinux' ? undefined : name;
    const btf =
      module === undefined ? kernelBtf() : moduleBtfs().find(({ label }) => label === module);
    return kernel && btf ? { btf, module } : undefined;
  } finally {
    closeFd(fd);
  }
};

// ----------
// Interfaces, control groups, netfilter, events
// ----------

/** In the network namespace of this process, where numbers of others mean nothing or something else. */
const interfaceName = (index: number): string | undefined => {
  for (const name of list('/sys/class/net'))
    if (read(`/sys/class/net/${name}/ifindex`).trim() === String(index)) return name;
  return undefined;
};

/** All control groups that there are now; their ids are the numbers of their inodes. */
export const readCgroups = (): Cgroups => {
  const found = new Map<bigint, string>();
  const root = /^\S+ (\S+) cgroup2 /m.exec(read('/proc/self/mounts'))?.[1];
  const work = root === undefined ? [] : [root];
  for (let path = work.pop(); path !== undefined; path = work.pop()) {
    try {
      found.set(statSync(path, { bigint: true }).ino, path);
      for (const entry of readdirSync(path, { withFileTypes: true }))
        if (entry.isDirectory()) work.push(`${path}/${entry.name}`);
    } catch {
      // It has been removed meanwhile.
    }
  }
  return found;
};

/** NFPROTO_* (include/uapi/linux/netfilter.h). */
const FAMILIES: Readonly<Record<number, string>> = { 2: 'ipv4', 10: 'ipv6' };
const NETFILTER_HOOKS = ['pre_routing', 'local_in', 'forward', 'local_out', 'post_routing'];

/** As programs are attached to it, and as perf list has it. */
const eventName = ({ type, config }: { readonly type: number; readonly config: bigint }) => {
  const names = EVENTS.get(type) ?? {};
  return Object.keys(names).find((name) => BigInt(names[name]!) === config);
};

const EVENTS: ReadonlyMap<number, Readonly<Record<string, number>>> = /* @__PURE__ */ new Map<
  number,
  Readonly<Record<string, number>>
>([
  [PERF_TYPE.PERF_TYPE_HARDWARE, HARDWARE],
  [PERF_TYPE.PERF_TYPE_SOFTWARE, SOFTWARE],
]);

const list = (directory: string): readonly string[] => {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
};

const read = (path: string): string => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
};
