/**
 * Checks of the lists of probes against the kernel itself, without vitest, so that other kernels run them: what is
 * listed can be attached to, what is left out cannot.
 */
import { readdirSync } from 'node:fs';
import { type ArgumentShape, functionsOf, namesOf } from '../../src/btf/index.ts';
import { object, socketFilter } from '../../src/index.ts';
import { kernelBtf, listProbes, loadObject, type Probe, tracefs } from '../../src/kernel/index.ts';
import { readTraceable } from '../../src/kernel/traceable.ts';
import { parseSection } from '../../src/object/index.ts';
import { done } from './checks.ts';

export interface ProbeCheck {
  readonly name: string;
  /** Throws what is wrong; returns what was found. */
  readonly run: () => string;
}

/** Why no program can be loaded for a section, or attached to it; undefined when it can. */
export const refusal = (section: string, { attach = true } = {}): string | undefined => {
  const hook = parseSection(section);
  if (!hook) return `${section} is no section`;
  const program = { ...socketFilter(done), hook };
  try {
    using loaded = loadObject(object({ license: 'GPL', programs: { program } }));
    if (attach) loaded.attach();
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n')[0];
  }
};

/** Throws when there are none. */
const probesLike = (pattern: string): readonly Probe[] => {
  const { probes, doubts } = listProbes({ pattern });
  if (probes.length > 0) return probes;
  throw new Error([`nothing is listed for ${pattern}`, ...doubts].join('; '));
};

/** So many of them, evenly spread. */
const some = <T>(all: readonly T[], count: number): readonly T[] => {
  const step = Math.max(1, Math.floor(all.length / count));
  return all.filter((_, index) => index % step === 0).slice(0, count);
};

/** Throws when programs cannot be attached to one of these. */
const allAttach = (probes: readonly Probe[], options?: { readonly attach: boolean }): string => {
  const refused = probes.flatMap(({ section }) => {
    const why = refusal(section, options);
    return why === undefined ? [] : `${section}: ${why}`;
  });
  if (refused.length > 0)
    throw new Error(
      `${refused.length} of ${probes.length} are refused: ${refused.slice(0, 20).join('; ')}`,
    );
  return `${probes.length} of them`;
};

/** Throws when a program can be attached to one of these. */
const noneAttaches = (
  sections: readonly string[],
  options?: { readonly attach: boolean },
): string => {
  const taken = sections.filter((section) => refusal(section, options) === undefined);
  if (taken.length > 0) throw new Error(`not listed, and taken: ${taken.join(', ')}`);
  return `${sections.length} others are refused`;
};

const listed = (pattern: string): ReadonlySet<string> =>
  new Set(probesLike(pattern).map(({ section }) => section));

/** Every tracepoint that has a directory, as `sched/sched_switch`. Those of ftrace itself cannot be attached to. */
const tracepointDirectories = (): string[] => {
  const events = `${tracefs()}/events`;
  const folders = (path: string) =>
    readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders(events)
    .filter(({ name }) => name !== 'ftrace')
    .flatMap(({ name: category }) =>
      folders(`${events}/${category}`).map(({ name }) => `${category}/${name}`),
    )
    .sort();
};

/** Those that need nothing but tracefs, types, and the right to load programs. */
export const PROBE_CHECKS: readonly ProbeCheck[] = [
  {
    name: 'tracepoints are the directories of tracefs',
    run: () => {
      const names = probesLike('tracepoint/*').map(({ name }) => name);
      const folders = tracepointDirectories();
      const differ = [
        ...names.filter((name) => !folders.includes(name)),
        ...folders.filter((name) => !names.includes(name)),
      ];
      if (differ.length > 0) throw new Error(`only in one of both: ${differ.join(', ')}`);
      return `${names.length} of them`;
    },
  },
  { name: 'tracepoints take programs', run: () => allAttach(some(probesLike('tracepoint/*'), 25)) },
  { name: 'raw tracepoints take programs', run: () => allAttach(some(probesLike('raw_tp/*'), 25)) },
  { name: 'tp_btf takes programs', run: () => allAttach(some(probesLike('tp_btf/*'), 25)) },
  {
    // None before Linux 5.13.
    name: 'tracepoints that tracefs does not know take programs',
    run: () => {
      const known = new Set(tracepointDirectories().map((each) => each.split('/')[1]!));
      return allAttach(
        probesLike('raw_tp/*')
          .filter(({ name }) => !known.has(name))
          .slice(0, 10),
      );
    },
  },
  {
    name: 'iterators are those that the kernel loads programs for',
    run: () => {
      const iterators = listed('iter/*');
      const others = namesOf(kernelBtf()!, 'func')
        .filter(({ name }) => name.startsWith('bpf_iter_'))
        .map(({ name }) => name.replace('bpf_iter_', 'iter/'))
        .filter((section) => !iterators.has(section));
      const taken = allAttach(probesLike('iter/*'), { attach: false });
      return `${taken}; ${noneAttaches(others, { attach: false })}`;
    },
  },
];

/** Those that need kprobes. */
export const KPROBE_PROBE_CHECKS: readonly ProbeCheck[] = [
  { name: 'kprobes can be set', run: () => allAttach(some(probesLike('kprobe/*'), 100)) },
];

/** Those that need BPF trampolines, and `bpf` among the security modules. */
export const TRAMPOLINE_PROBE_CHECKS: readonly ProbeCheck[] = [
  { name: 'fentry takes programs', run: () => allAttach(some(probesLike('fentry/*'), 100)) },
  {
    name: 'fentry takes functions of many arguments, and of structs',
    run: () => {
      const shapes = new Map(functionsOf(kernelBtf()!).map(({ name, shape }) => [name, shape]));
      const like = (is: (shape: ArgumentShape) => boolean) =>
        probesLike('fentry/*').filter(({ name }) => {
          // Functions of modules have types of their own.
          const shape = shapes.get(name);
          return shape !== undefined && is(shape);
        });
      return allAttach([
        ...some(
          like(({ words }) => words > 5),
          20,
        ),
        ...some(
          like(({ structs, unions }) => structs || unions),
          20,
        ),
      ]);
    },
  },
  {
    name: 'fentry refuses functions that are not listed',
    run: () => {
      const known = listed('fentry/*');
      const traceable = new Set(readTraceable().map(({ name }) => name));
      const sections = namesOf(kernelBtf()!, 'func').map(({ name }) => `fentry/${name}`);
      const others = sections.filter((section) => !known.has(section));
      const byType = others.filter((section) => traceable.has(section.slice('fentry/'.length)));
      return noneAttaches([...some(byType, 20), ...some(others, 20)]);
    },
  },
  {
    name: 'hooks of the security module take programs',
    run: () => allAttach(probesLike('lsm/*'), { attach: false }),
  },
];
