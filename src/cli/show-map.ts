/**
 * @module
 * `beespoke map show|dump`: the maps that are there, and their entries.
 */
import type { LoadedMap } from '../kernel/loaded.ts';
import { dumpMap } from './dump-map.ts';
import { holdersColumn, type Kind, numberColumn, runKind, textColumn } from './show.ts';

const HELP = [
  'beespoke map show [ID|NAME|pinned PATH] [--json]',
  'beespoke map dump ID|NAME|pinned PATH [--json]',
  '',
  'The maps that are there, by whomever, with the processes that hold them; or the entries of one, in the types that it',
  'was created with: its programs go on meanwhile. Bytes are hexadecimal where there are no types. Needs CAP_SYS_ADMIN.',
];

const MAPS: Kind<'map'> = {
  kind: 'map',
  noun: 'map',
  nameOf: ({ name }) => name,
  details: (map) => ({
    id: map.id,
    type: map.type,
    name: map.name,
    keyBytes: map.keySize,
    valueBytes: map.valueSize,
    maxEntries: map.maxEntries,
    flags: map.flags,
    extra: map.extra || undefined,
    memoryBytes: map.memory,
    frozen: map.frozen,
    ownerType: map.ownerType,
    btfId: map.btfId || undefined,
    interfaceIndex: map.ifindex || undefined,
  }),
  columns: (holders) => [
    numberColumn('ID', ({ id }) => id),
    textColumn('TYPE', ({ type }) => type),
    textColumn('NAME', ({ name }) => name),
    numberColumn('KEY', ({ keySize }) => keySize),
    numberColumn('VALUE', ({ valueSize }) => valueSize),
    numberColumn('ENTRIES', ({ maxEntries }) => maxEntries),
    textColumn('FLAGS', ({ flags }) => `0x${flags.toString(16)}`),
    numberColumn('MEMORY', ({ memory }) => memory),
    numberColumn('BTF', ({ btfId }) => btfId || undefined),
    holdersColumn<LoadedMap>('map', holders),
  ],
  dump: dumpMap,
  help: HELP,
};

export const run = (args: readonly string[]): Promise<number> => runKind(MAPS, args);
