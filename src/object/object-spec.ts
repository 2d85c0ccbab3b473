/**
 * @module
 * An object: programs and the maps that they share, under one licence. Plain data, the same for the loader, the ELF
 * writer, the simulator and the printer.
 * @example
 * object({ license: 'Dual MIT/GPL', maps: { events }, programs: { onExit: tracepoint('sched/sched_process_exit', [...]) } })
 */
import {
  type AnyMap,
  AssemblerError,
  callSite,
  checkLicense,
  mapOf,
  type Relocation,
  type Site,
} from '../asm/index.ts';
import type { Btf } from '../btf/index.ts';
import type { ConfigVariable } from './extern-spec.ts';
import { lossOf } from './loss.ts';
import type { AnyMapSpec } from './map-spec.ts';
import { type ProgramEntry, type ProgramSpec, variantsOf } from './program-spec.ts';
import { visitProgram } from './visit.ts';

export interface ObjectSpec<
  M extends Record<string, AnyMapSpec> = Record<string, AnyMapSpec>,
  P extends Record<string, ProgramEntry> = Record<string, ProgramEntry>,
> {
  readonly kind: 'object';
  readonly license: string;
  /** The maps that user space can reach, under their names. */
  readonly maps: M;
  readonly programs: P;
  /** Maps that macros brought along, such as the counters of lost events, under the names that they get. */
  readonly hidden: Readonly<Record<string, AnyMapSpec>>;
  /** Of an object from a file: its BTF, whose ids its programs, maps and relocations have. */
  readonly types?: Btf | undefined;
  /** Of an object from a file: its CO-RE relocations, in the order in which they are resolved. */
  readonly relocations?: readonly Relocation[] | undefined;
  /** Of an object from a file: the variables of its map `.kconfig`. */
  readonly config?: readonly ConfigVariable[] | undefined;
  /** Of an object from a file: that it is for machines of the other byte order than all that this library loads on. */
  readonly bigEndian?: boolean | undefined;
}

/** An object of these programs and maps. Throws an AssemblerError where something cannot be loaded anywhere. */
export const object = <
  const M extends Record<string, AnyMapSpec> = Record<string, never>,
  const P extends Record<string, ProgramEntry> = Record<string, never>,
>(spec: {
  readonly license: string;
  readonly maps?: M;
  readonly programs: P;
}): ObjectSpec<M, P> => {
  const site = callSite(object);
  const maps = spec.maps ?? ({} as M);
  for (const name of [...Object.keys(maps), ...Object.keys(spec.programs)]) checkName(name, site);
  const programs = Object.entries(spec.programs).flatMap(([name, entry]) =>
    variantsOf(entry).map((program) => [name, program] as const),
  );
  for (const [name, program] of programs) {
    for (const { body } of [program, ...program.subprograms])
      checkLicense(name, body, spec.license);
  }
  const hidden = hiddenMaps(maps, programs, site);
  return Object.freeze({
    kind: 'object',
    license: spec.license,
    maps,
    programs: spec.programs,
    hidden,
  });
};

/** The name of the hidden map that counts what a map refused. */
export const counterName = (map: string): string => `${map}.lost`;

/** What maps and programs can be called: as long as BTF takes it on every kernel (KSYM_NAME_LEN was 128). */
export const isObjectName = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_]{0,126}$/.test(name);
export const OBJECT_NAMES =
  'maps and programs have C identifiers of at most 127 characters for names';

const checkName = (name: string, site: Site): void => {
  if (!isObjectName(name))
    throw new AssemblerError(`object: ${OBJECT_NAMES}, got ${JSON.stringify(name)}`, site);
};

/** The counters of the maps, where a program counts; any other map must be named. */
const hiddenMaps = (
  maps: Readonly<Record<string, AnyMapSpec>>,
  programs: readonly (readonly [string, ProgramSpec])[],
  site: Site,
): Record<string, AnyMapSpec> => {
  const named = new Set<AnyMap>();
  const counters = new Map<AnyMap, string>();
  for (const [name, map] of Object.entries(maps)) {
    if (named.has(map))
      throw new AssemblerError(`object: ${name} is a map that has another name already`, site);
    named.add(map);
    if (map.otherwise) named.add(map.otherwise);
    const loss = lossOf(map);
    if (loss) counters.set(loss, counterName(name));
  }
  const hidden: Record<string, AnyMapSpec> = {};
  for (const [name, program] of programs) {
    visitProgram(program, (item) => {
      const map = item.kind === 'instruction' ? mapOf(item) : undefined;
      if (!map || named.has(map)) return;
      const counter = counters.get(map);
      if (!counter) {
        throw new AssemblerError(
          `object: ${name} uses a ${map.type} that is not among its maps; name it there`,
          item.kind === 'instruction' ? item.site : undefined,
        );
      }
      hidden[counter] = map as AnyMapSpec;
    });
  }
  return hidden;
};
