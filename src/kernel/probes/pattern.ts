/**
 * @module
 * Which probes somebody means: a kind and a name, with `*` and `?`, spelled as a section (`fentry/vfs_*`) or as bpftrace
 * does (`tracepoint:sched:*`); or a name alone, which is looked for everywhere.
 */
import { glob, isGlob } from '../glob.ts';
import { PROBE_KINDS, type ProbeKind, type Spelling, spellingOf } from './probe.ts';

export interface ProbePattern {
  /** The kinds, and under which names: those of the kernel, or those of files. */
  readonly spellings: readonly Spelling[];
  /** The name that was given, '*' where none was; for files with their path: `/bin/bash:readline`. */
  readonly name: string;
}

/** Kinds of what files have; the others are the kernel's. */
const FILE_KINDS: readonly ProbeKind[] = ['uprobe', 'usdt'];
const isOfFile = ({ kind }: Spelling): boolean => FILE_KINDS.includes(kind);

const ALL: readonly Spelling[] = PROBE_KINDS.map((kind) => ({ kind, hook: kind }));

/** Reads a pattern: everything that the kernel has where there is none. */
export const parseProbePattern = (pattern = '*'): ProbePattern => {
  // The rest of `uprobe//bin/bash:readline`, libbpf's spelling, begins with a slash.
  const [, word, rest = ''] = /^([^/:]+)[/:](.*)$/s.exec(pattern) ?? [];
  const asked = word === undefined ? [] : spellingsOf(word);
  if (asked.length > 0) return meant(asked, nameOf(rest, asked));
  const kind = spellingOf(pattern);
  // `iter` alone is the kind; letters alone, as bpftrace has them, are names.
  return kind && pattern.length > 2 ? meant([kind], '*') : meant(ALL, pattern);
};

/** Of several kinds, a path means those of files, and any other name those of the kernel. */
const meant = (asked: readonly Spelling[], name: string): ProbePattern => {
  const ofFiles = asked.filter(isOfFile);
  const ofKernel = asked.filter((each) => !isOfFile(each));
  const isFile = ofKernel.length === 0 || (isPath(name) && ofFiles.length > 0);
  return { spellings: isFile ? ofFiles : ofKernel, name };
};

/** bpftrace ends events with a colon and how many of them: `software:page-faults:100`. */
const nameOf = (rest: string, spellings: readonly Spelling[]): string => {
  const isEvent = spellings.every(({ kind }) => kind === 'perf_event');
  return (isEvent ? rest.replace(/:\d*$/, '') : rest) || '*';
};

const spellingsOf = (word: string): readonly Spelling[] => {
  if (isGlob(word)) return ALL.filter(({ kind }) => glob(word)(kind));
  const found = spellingOf(word);
  return found ? [found] : [];
};

const isPath = (name: string): boolean => /^\.{0,2}\//.test(name);

/**
 * A test of names, which may be of a group: a category of tracepoints, a module. The pattern can fit the name, the
 * group, or both (`sched/sched_switch`, `nf_tables:nft_*`).
 */
export const nameTest = (pattern: string): ((name: string, group?: string) => boolean) => {
  const wanted = pattern.replaceAll(':', '/');
  if (/^\*+(\/\*+)?$/.test(wanted)) return () => true;
  const fits = glob(wanted);
  return (name, group) =>
    fits(name) || (group !== undefined && (fits(group) || fits(`${group}/${name}`)));
};
