/**
 * @module
 * The machine that this runs on, as tools ask about it.
 */
import {
  ElfError,
  type ElfFile,
  EM,
  functionOffsets,
  parseUsdtArguments,
  SHT,
  usdtProbes,
} from '../elf/index.ts';
import { findExecutable, withElfFile } from '../kernel/executable.ts';
import {
  formatFrame,
  isInPidNamespace,
  KernelWorld,
  type SymbolFrame,
  Symbolizer,
} from '../kernel/index.ts';
import { symbolAddress } from '../kernel/kallsyms.ts';
import { isBlacklisted } from '../kernel/kprobe-blacklist.ts';
import { codeMappings } from '../kernel/process-maps.ts';
import { readTraceable } from '../kernel/traceable.ts';
import { availableEvents } from '../kernel/tracefs.ts';
import { featuresWithout } from '../kernel/without.ts';
import { NotFoundError, parseHook, RequirementError } from '../object/index.ts';
import type { StaticProbe, System, UserStack } from '../programs/system.ts';
import { isOneName, nameTest } from './name-pattern.ts';

export const system: System = {
  hasHook: (section) =>
    new KernelWorld(featuresWithout()).hasHook(parseHook(section), { thorough: true }),

  kernelFunctions: (pattern) =>
    isOneName(pattern)
      ? [pattern].filter((name) => symbolAddress(name) !== undefined)
      : traceable().filter(nameTest(pattern)),

  tracepoints: (pattern) => availableEvents().filter(nameTest(pattern)),

  hasFile: (file, pid) => {
    try {
      findExecutable(file, { pid });
      return true;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  },

  functions: (file, pattern, pid) =>
    withElfFile(findExecutable(file, { pid }), (elf) =>
      [...functionOffsets(elf, nameTest(pattern))]
        .filter(([offset]) => isOneName(pattern) || !beginsLocked(elf, offset))
        .map(([offset, name]) => ({ name, offset })),
    ),

  staticPlaces: (file, pattern, pid) => {
    const fits = nameTest(pattern);
    return withElfFile(findExecutable(file, { pid }), (elf) =>
      usdtProbes(elf)
        .map((probe) => ({ ...probe, whole: `${probe.provider}:${probe.name}` }))
        .filter(({ name, whole }) => fits(name) || fits(whole))
        .map(({ whole, offset, semaphore = 0 }) => ({
          name: whole,
          offset,
          referenceCounter: semaphore,
        })),
    );
  },

  staticProbes: (file, pid) =>
    withElfFile(findExecutable(file, { pid }), (elf) => {
      const found = new Map<string, StaticProbe>();
      for (const { provider, name, args: text } of usdtProbes(elf)) {
        const key = `${provider}:${name}`;
        const known = found.get(key) ?? { file, provider, name, text, args: undefined, places: 0 };
        const args = known.args ?? readable(() => parseUsdtArguments(text, elf.machine));
        found.set(key, { ...known, args, places: known.places + 1 });
      }
      return [...found.values()];
    }),

  mappedFiles: (pid) => {
    const paths = mappingsOf(pid)
      .filter(({ inode }) => inode !== 0n)
      .map(({ path }) => path);
    const isElf = (path: string) =>
      system.hasFile(path, pid) &&
      readable(() => withElfFile(findExecutable(path, { pid }), () => true));
    return [...new Set(paths)].filter(isElf);
  },

  ownPid: () => (isInPidNamespace() ? undefined : process.pid),

  userStacks: (stacks) => {
    // In a container another process may have the number.
    if (isInPidNamespace())
      return stacks.map(({ addresses }) => addresses.map((address) => `0x${address.toString(16)}`));
    // Many are the same.
    const keyOf = ({ pid, addresses }: UserStack) => [pid, ...addresses].join();
    const distinct = new Map(stacks.map((stack) => [keyOf(stack), stack]));
    symbolizer ??= new Symbolizer();
    const calls = symbolizer.userStacks([...distinct.values()]).map(callsOf);
    const known = new Map([...distinct.keys()].map((key, index) => [key, calls[index]!]));
    return stacks.map((stack) => known.get(keyOf(stack))!);
  },
};

let symbolizer: Symbolizer | undefined;

const callsOf = (frames: readonly SymbolFrame[]): readonly string[] => {
  // Behind the place where the walk strayed nothing is a call; of a process that is gone nothing is known at all.
  const end = frames.findIndex(({ isCode }) => !isCode);
  return (end > 0 ? frames.slice(0, end) : frames).map(({ name, ...frame }) =>
    formatFrame({ ...frame, name: name && shortened(name) }),
  );
};

/** Names are as long as a file says. */
const MOST_LETTERS = 512;
const shortened = (name: string): string =>
  name.length > MOST_LETTERS ? `${name.slice(0, MOST_LETTERS)}...` : name;

/**
 * Whether the first instruction has the prefix LOCK, where the kernel takes no probe (arch/x86/kernel/uprobes.c): so it
 * is with pthread_spin_lock of glibc.
 */
const beginsLocked = (elf: ElfFile, offset: number): boolean => {
  if (elf.machine !== EM.X86_64) return false;
  const section = elf.sections.find(
    ({ type, offset: start, size }) =>
      type === SHT.PROGBITS && offset >= start && offset < start + size,
  );
  return section?.data[offset - section.offset] === LOCK;
};
const LOCK = 0xf0;

const mappingsOf = (pid: number) => {
  try {
    return codeMappings(pid);
  } catch (error) {
    throw new RequirementError(
      `cannot read what process ${pid} has mapped: ${(error as Error).message}; run it as root (sudo)`,
      { cause: error },
    );
  }
};

/** Functions by names that only one has, and that the kernel lets probes into. */
const traceable = (): readonly string[] => {
  const counts = new Map<string, number>();
  for (const { name } of readTraceable()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].flatMap(([name, count]) => (count > 1 || isBlacklisted(name) ? [] : name));
};

/** undefined for what an ElfFile refuses. */
const readable = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
};
