/**
 * @module
 * Which processes hold programs, maps and links: by their descriptors in /proc. An iterator program over `task_file`
 * would have to be loaded, and takes longer than a walk through the descriptors of some hundred processes.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { LoadedKind } from './loaded.ts';

export interface Holder {
  readonly pid: number;
  readonly comm: string;
}

/** The processes that hold a thing, by its kind and id. Of others' processes only root sees the descriptors. */
export type Holders = (kind: LoadedKind, id: number) => readonly Holder[];

/** Looks through all processes once. */
export const findHolders = (): Holders => {
  const found = new Map<string, Holder[]>();
  for (const name of list('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const things = new Set(list(`/proc/${name}/fd`).flatMap((fd) => heldBy(name, fd) ?? []));
    if (things.size === 0) continue;
    const holder = { pid: Number(name), comm: read(`/proc/${name}/comm`).trimEnd() };
    for (const thing of things) found.set(thing, [...(found.get(thing) ?? []), holder]);
  }
  return (kind, id) => found.get(`${kind} ${id}`) ?? [];
};

/** `anon_inode:bpf-map`; links are `bpf_link` before Linux 6.12 and `bpf-link` since. */
const KINDS = /^anon_inode:\[?bpf[-_](prog|map|link)\]?$/;

/** `prog 17` */
const heldBy = (pid: string, fd: string): string | undefined => {
  const kind = KINDS.exec(target(`/proc/${pid}/fd/${fd}`))?.[1];
  if (kind === undefined) return undefined;
  const id = new RegExp(`^${kind}_id:\\s*(\\d+)$`, 'm').exec(
    read(`/proc/${pid}/fdinfo/${fd}`),
  )?.[1];
  return id === undefined ? undefined : `${kind} ${id}`;
};

/** What has ended meanwhile, or may not be looked at, holds nothing. */
const quietly = <T>(action: () => T, otherwise: T): T => {
  try {
    return action();
  } catch {
    return otherwise;
  }
};

const list = (directory: string): readonly string[] => quietly(() => readdirSync(directory), []);
const read = (path: string): string => quietly(() => readFileSync(path, 'latin1'), '');
const target = (path: string): string => quietly(() => readlinkSync(path), '');
