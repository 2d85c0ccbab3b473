/**
 * What the BTF of an object file says of the names that other files see: variables and functions that are not static,
 * and the sections that they are declared in.
 *
 * @module
 */
import type { Btf } from '../btf/index.ts';

export interface Declaration {
  readonly btf: Btf;
  /** The var or func. */
  readonly id: number;
  /** Of the DATASEC that has it: functions have none, unless they are the kernel's (`.ksyms`). */
  readonly section: string | undefined;
}

/** The declarations of a file by their names; none without BTF. */
export const declarationsOf = (btf: Btf | undefined): ReadonlyMap<string, Declaration> => {
  const found = new Map<string, Declaration>();
  if (btf === undefined) return found;
  const add = (id: number, section?: string): void => {
    const type = btf.type(id);
    const isSeen = (type.kind === 'var' || type.kind === 'func') && type.linkage !== 'static';
    if (isSeen && !found.has(type.name)) found.set(type.name, { btf, id, section });
  };
  for (const section of btf.idsOf('datasec')) {
    const type = btf.type(section);
    if (type.kind === 'datasec')
      for (const variable of type.variables) add(variable.type, type.name);
  }
  for (const kind of ['var', 'func'] as const) for (const id of btf.idsOf(kind)) add(id);
  return found;
};
