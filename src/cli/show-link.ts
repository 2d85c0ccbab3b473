/**
 * @module
 * `beespoke link show`: the links that are there, and what they attach programs to.
 */
import { type Cgroups, placeOf, readCgroups } from '../kernel/link-places.ts';
import { type LoadedLink, loadedById } from '../kernel/loaded.ts';
import { BPF_LINK_TYPE, typeName } from '../syscall/index.ts';
import { holdersColumn, type Kind, numberColumn, runKind, textColumn } from './show.ts';

const HELP = [
  'beespoke link show [ID|pinned PATH] [--json]',
  '',
  'The links that are there, by whomever: their program, what it is attached to, and the processes that hold them.',
  'Programs that were attached in older ways (by perf events, netlink, or to control groups) have none, and are in',
  '`beespoke prog show`. Needs CAP_SYS_ADMIN.',
];

const typeOf = ({ type }: LoadedLink): string => typeName(BPF_LINK_TYPE, type);

const programOf = ({ progId }: LoadedLink): string => {
  const name = progId === 0 ? undefined : loadedById('prog', progId)?.name;
  return name ? `${progId} (${name})` : String(progId || '-');
};

let cgroups: Cgroups | undefined;

/** Control groups are read once, for all links. */
const placeFor = (link: LoadedLink) =>
  placeOf(link, () => {
    cgroups ??= readCgroups();
    return cgroups;
  });

const LINKS: Kind<'link'> = {
  kind: 'link',
  noun: 'link',
  // Links have no names but those of their programs.
  nameOf: ({ progId }) => loadedById('prog', progId)?.name ?? '',
  details: (link) => {
    const place = placeFor(link);
    return {
      id: link.id,
      type: typeOf(link),
      progId: link.progId || undefined,
      program: (link.progId !== 0 && loadedById('prog', link.progId)?.name) || undefined,
      where: place?.where,
      ...place?.details,
    };
  },
  columns: (holders) => [
    numberColumn('ID', ({ id }) => id),
    textColumn('TYPE', typeOf),
    textColumn('PROGRAM', programOf),
    textColumn('WHERE', (link) => placeFor(link)?.where ?? '-'),
    textColumn('COOKIE', ({ target }) =>
      target && 'cookie' in target && target.cookie !== 0n ? String(target.cookie) : '-',
    ),
    holdersColumn<LoadedLink>('link', holders),
  ],
  help: HELP,
};

export const run = (args: readonly string[]): Promise<number> => runKind(LINKS, args);
