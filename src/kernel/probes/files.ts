/**
 * @module
 * What programs can be attached to in an executable or library: its functions, and its static probes (USDT).
 */
import { functionNames, usdtProbes } from '../../elf/index.ts';
import { RequirementError } from '../../object/index.ts';
import { type ExecutableOptions, findExecutable, withElfFile } from '../executable.ts';
import { nameTest } from './pattern.ts';
import type { Probe } from './probe.ts';

/** A file, and which of its names are meant. */
interface FilePattern {
  /** As it was given: sections have it. */
  readonly given: string;
  /** Where it was found. */
  readonly path: string;
  readonly names: string;
}

/** Functions, as uprobes are set at them. `pattern` is FILE or FILE:FUNCTION. */
export const uprobes = (hook: string, pattern: string, options: ExecutableOptions): Probe[] => {
  const { given, path, names } = fileOf(pattern, options);
  const accepts = nameTest(names);
  return withElfFile(path, (file) =>
    [...functionNames(file).keys()].flatMap((name) =>
      accepts(name) ? [{ kind: 'uprobe', path, ...named(hook, `${given}:${name}`) }] : [],
    ),
  );
};

/** Static probes. `pattern` is FILE, FILE:NAME or FILE:PROVIDER:NAME. */
export const staticProbes = (
  hook: string,
  pattern: string,
  options: ExecutableOptions,
): Probe[] => {
  const { given, path, names } = fileOf(pattern, options);
  const accepts = nameTest(names);
  return withElfFile(path, (file) => {
    const all = new Map(usdtProbes(file).map((each) => [`${each.provider}:${each.name}`, each]));
    return [...all.values()].flatMap(({ provider, name }) =>
      accepts(name, provider)
        ? [{ kind: 'usdt', path, ...named(hook, `${given}:${provider}:${name}`) }]
        : [],
    );
  });
};

const named = (hook: string, name: string) => ({ section: `${hook}/${name}`, name });

/** The file at the start of a pattern: the longest one that exists, since paths may have colons in them. */
const fileOf = (pattern: string, options: ExecutableOptions): FilePattern => {
  if (/^[*?]/.test(pattern))
    throw new TypeError(
      'functions and static probes are those of a file: uprobe:/bin/bash, usdt:libc.so.6',
    );
  let failure: unknown;
  for (let end = pattern.length; end > 0; end = pattern.lastIndexOf(':', end - 1)) {
    const given = pattern.slice(0, end);
    try {
      const path = findExecutable(given, options);
      return { given, path, names: pattern.slice(end + 1) || '*' };
    } catch (error) {
      if (!(error instanceof RequirementError)) throw error;
      // The shortest is the likeliest to be meant.
      failure = error;
    }
  }
  throw failure;
};
