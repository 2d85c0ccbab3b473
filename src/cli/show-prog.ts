/**
 * @module
 * `beespoke prog show|dump`: the programs that are loaded, and their instructions or machine code.
 */
import type { LoadedProgram } from '../kernel/loaded.ts';
import { DUMP_OPTIONS, dumpProgram } from './dump-prog.ts';
import { holdersColumn, type Kind, numberColumn, runKind, textColumn } from './show.ts';

const HELP = [
  'beespoke prog show [ID|NAME|pinned PATH] [--json]',
  'beespoke prog dump ID|NAME|pinned PATH [--jited] [--json | --output FILE]',
  '',
  'The programs that are loaded, by whomever, with the processes that hold them; or the instructions of one as the',
  'kernel runs it, with its lines of source. Needs CAP_SYS_ADMIN.',
];

const PROGRAMS: Kind<'prog'> = {
  kind: 'prog',
  noun: 'program',
  nameOf: ({ name }) => name,
  details: (program) => ({
    id: program.id,
    type: program.type,
    name: program.name,
    tag: program.tag,
    gplCompatible: program.gplCompatible,
    loadedAt: new Date(program.loadedAt).toISOString(),
    uid: program.createdByUid,
    xlatedBytes: program.xlatedLength,
    jitedBytes: program.jitedLength,
    memoryBytes: program.memory,
    verifiedInstructions: program.verifiedInsns,
    runCount: program.runCount,
    runTimeNs: program.runTimeNs,
    recursionMisses: program.recursionMisses,
    mapIds: program.mapIds,
    btfId: program.btfId || undefined,
    interfaceIndex: program.ifindex || undefined,
  }),
  columns: (holders) => [
    numberColumn('ID', ({ id }) => id),
    textColumn('TYPE', ({ type }) => type),
    textColumn('NAME', ({ name }) => name),
    textColumn('TAG', ({ tag }) => tag),
    textColumn('LOADED', ({ loadedAt }) => momentOf(loadedAt)),
    numberColumn('UID', ({ createdByUid }) => createdByUid),
    numberColumn('XLATED', ({ xlatedLength }) => xlatedLength),
    numberColumn('JITED', ({ jitedLength }) => jitedLength),
    textColumn('MAPS', ({ mapIds }) => mapIds.join(',')),
    holdersColumn<LoadedProgram>('prog', holders),
  ],
  dump: dumpProgram,
  dumpOptions: DUMP_OPTIONS,
  help: HELP,
};

/** Local time, to the second. */
const momentOf = (ms: number): string => {
  const date = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return date.toISOString().slice(0, 19).replace('T', ' ');
};

export const run = (args: readonly string[]): Promise<number> => runKind(PROGRAMS, args);
