/**
 * @module
 * What is loaded now, by whomever: programs, maps and links, as bpf(2) and /proc/self/fdinfo tell of them.
 *
 *     for (const { id, name } of loadedPrograms()) console.log(id, name);
 */
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { Btf, funcInfo } from '../btf/index.ts';
import { mapTypeOf } from '../object/index.ts';
import {
  BPF_MAP_TYPE,
  BPF_PROG_TYPE,
  btfData,
  closeFd,
  fdById,
  ids,
  type LinkInfo,
  linkInfo,
  type MapInfo,
  mapInfo,
  type ObjectKind,
  objGet,
  type ProgInfo,
  progInfo,
  progRecords,
  typeName,
} from '../syscall/index.ts';

export type LoadedKind = Exclude<ObjectKind, 'btf'>;

/** What the kernel says of an open descriptor in /proc. */
interface FdInfo {
  readonly prog_type?: number;
  readonly memlock?: number;
  readonly frozen?: number;
  readonly owner_prog_type?: number;
  readonly owner_jited?: number;
}

export interface LoadedProgram extends Omit<ProgInfo, 'type'> {
  /** Of `enum bpf_prog_type`, in lower case: `sched_cls`. */
  readonly type: string;
  /** When it was loaded, in milliseconds since the epoch. */
  readonly loadedAt: number;
  /** Bytes of memory that the kernel counts for it. */
  readonly memory: number | undefined;
}

export interface LoadedMap extends Omit<MapInfo, 'type'> {
  /** Of `enum bpf_map_type`, in lower case: `lru_hash`. */
  readonly type: string;
  readonly memory: number | undefined;
  /** User space cannot write to it any more. Linux 5.2. */
  readonly frozen: boolean | undefined;
  /** Of an array of programs: the type of those that it takes. */
  readonly ownerType: string | undefined;
}

export type LoadedLink = LinkInfo;

interface Loaded {
  prog: LoadedProgram;
  map: LoadedMap;
  link: LoadedLink;
}

/** All that are there, in the order of their ids. What ends meanwhile is left out. */
export function* loaded<K extends LoadedKind>(kind: K): Generator<Loaded[K], void, undefined> {
  for (const id of ids(kind)) {
    const found = loadedById(kind, id);
    if (found) yield found;
  }
}

/** The one of an id; undefined where there is none. Needs CAP_SYS_ADMIN. */
export const loadedById = <K extends LoadedKind>(kind: K, id: number): Loaded[K] | undefined => {
  const fd = fdById(kind, id);
  if (fd === undefined) return undefined;
  try {
    return describe(kind, fd);
  } finally {
    closeFd(fd);
  }
};

/**
 * The one that is pinned at a path in a BPF file system.
 * @throws Error when it is of another kind; BpfError when there is nothing.
 */
export const loadedAt = <K extends LoadedKind>(kind: K, path: string): Loaded[K] => {
  const fd = objGet(path);
  try {
    const found = kindOf(fd);
    if (found !== kind)
      throw new Error(`what is pinned at ${path} is a ${NAMES[found]}, not a ${NAMES[kind]}`);
    return describe(kind, fd);
  } finally {
    closeFd(fd);
  }
};

const NAMES: Readonly<Record<LoadedKind, string>> = { prog: 'program', map: 'map', link: 'link' };

/** A link's descriptor tells of its program as well. */
const kindOf = (fd: number): LoadedKind => {
  const text = fdText(fd);
  return /^link_id:/m.test(text) ? 'link' : /^map_id:/m.test(text) ? 'map' : 'prog';
};

const describe = <K extends LoadedKind>(kind: K, fd: number): Loaded[K] => {
  const describers: { readonly [K in LoadedKind]: (fd: number) => Loaded[K] } = {
    prog: describeProgram,
    map: describeMap,
    link: linkInfo,
  };
  return describers[kind](fd);
};

const describeProgram = (fd: number): LoadedProgram => {
  const info = progInfo(fd);
  return {
    ...info,
    name: fullName(fd, info),
    type: typeName(BPF_PROG_TYPE, info.type),
    loadedAt: bootedAt() + Number(info.loadTime / 1_000_000n),
    memory: fdInfo(fd).memlock,
  };
};

const describeMap = (fd: number): LoadedMap => {
  const info = mapInfo(fd);
  const { memlock, frozen, owner_prog_type } = fdInfo(fd);
  return {
    ...info,
    type: mapTypeOf(info.type) ?? typeName(BPF_MAP_TYPE, info.type),
    memory: memlock,
    frozen: frozen === undefined ? undefined : frozen !== 0,
    ownerType: owner_prog_type === undefined ? undefined : typeName(BPF_PROG_TYPE, owner_prog_type),
  };
};

/** Lines of a name and a number. */
const fdInfo = (fd: number): FdInfo =>
  Object.fromEntries(
    [...fdText(fd).matchAll(/^(\w+):\s*(\d+)$/gm)].map(([, name, value]) => [name, Number(value)]),
  );

const fdText = (fd: number): string => {
  try {
    return readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
  } catch {
    return '';
  }
};

/** In milliseconds since the epoch, to a hundredth of a second. */
const bootedAt = (): number => Date.now() - Math.round(uptime() * 1000);

/** BPF_OBJ_NAME_LEN less the NUL. */
const LONGEST = 15;

/** The kernel cuts names; the types of the program have the whole of that of its first function. */
const fullName = (fd: number, { name, btfId }: ProgInfo): string => {
  if (name.length < LONGEST || btfId === 0) return name;
  const { bytes, recordSize } = progRecords(fd, 'funcInfo');
  const [first] = bytes.length === 0 ? [] : funcInfo.decode(bytes, true, recordSize);
  const whole = first && loadedBtf(btfId)?.name(first.typeId);
  return whole?.startsWith(name) ? whole : name;
};

/** The types that a program or a map was loaded with; undefined for 0, and when they are gone. */
export const loadedBtf = (id: number): Btf | undefined => {
  const fd = id === 0 ? undefined : fdById('btf', id);
  if (fd === undefined) return undefined;
  try {
    return new Btf(btfData(fd), { label: `BTF ${id}` });
  } finally {
    closeFd(fd);
  }
};
