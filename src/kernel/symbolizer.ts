/**
 * @module
 * Names for the addresses of call stacks: functions of the kernel, of executables and libraries, of code that was
 * compiled while the process runs.
 *
 *     const symbolizer = new Symbolizer();
 *     for (const frame of symbolizer.user(event.pid, stacks.get(event.stackId) ?? [])) console.log(formatFrame(frame));
 *     // readline+0x10 (/usr/bin/bash)
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { type CodeSymbols, codeAddresses, codeSymbols, ElfError, ElfFile } from '../elf/index.ts';
import { type Mapping, mapFile, SystemCallError } from '../syscall/index.ts';
import { debugFile } from './debug-file.ts';
import { withElfFile } from './executable.ts';
import { kernelSymbol } from './kernel-symbols.ts';
import { PerfMap } from './perf-map.ts';
import { type CodeMapping, codeMappings } from './process-maps.ts';

/** One call of a stack. */
export interface SymbolFrame {
  readonly address: bigint;
  /** The function; undefined where none is known. */
  readonly name: string | undefined;
  /** Bytes from the start of the function; of the file where no function is known. */
  readonly offset: number;
  /** The path of the executable or library as its process sees it, the kernel's module, or `[vdso]`; undefined for the kernel itself, and where nothing is known. */
  readonly file: string | undefined;
  /** Whether there is code as far as is known: a walk by frame pointers strays where a function keeps none. */
  readonly isCode: boolean;
}

/** What the kernel maps into every process. */
const VDSO = '[vdso]';

/** How many processes are remembered: those that have ended keep their names meanwhile. */
const MOST_PROCESSES = 1_000;
const MOST_FILES = 1_000;

interface Process {
  readonly mappings: readonly CodeMapping[];
  readonly compiled: PerfMap;
}

/** A file of code, read once for all processes that have it. */
interface CodeFile {
  readonly symbols: CodeSymbols;
  /** From bytes of the file to its addresses. */
  readonly addressOf: (offset: number) => number | undefined;
}

interface KnownFile {
  /** What changes with its content; undefined where that cannot be told. */
  readonly version: string | undefined;
  /** undefined where it cannot be read. */
  readonly code: CodeFile | undefined;
}

/**
 * Finds names, and remembers what it read: the kernel's table, the files, where each process has them. Ask as long as
 * the process lives; of one that was asked about before, the answers stay after its end.
 */
export class Symbolizer {
  readonly #processes = new Map<number, Process>();
  /** By device and inode. */
  readonly #files = new Map<string, KnownFile>();

  /** A stack of the kernel, the innermost call first. Reads /proc/kallsyms, the first time. */
  kernel(addresses: readonly bigint[]): SymbolFrame[] {
    return addresses.map((address, index) => {
      const { name, offset = 0, module } = kernelSymbol(called(address, index)) ?? {};
      return frame(address, index, name, offset, module && `[${module}]`);
    });
  }

  /**
   * A stack of a process, the innermost call first; `pid` is that of the process, not of a thread. What is not known has
   * no name, also when all of it is not: the process has ended before it was asked about, or belongs to somebody else.
   */
  user(pid: number, addresses: readonly bigint[]): SymbolFrame[] {
    return this.#frames(pid, this.#process(pid), addresses);
  }

  /** Stacks as `user` has each of them. What a process has in its memory is read once for all that are of it. */
  userStacks(
    stacks: readonly { readonly pid: number; readonly addresses: readonly bigint[] }[],
  ): SymbolFrame[][] {
    const processes = new Map<number, Process | undefined>();
    return stacks.map(({ pid, addresses }) => {
      if (!processes.has(pid)) processes.set(pid, this.#process(pid));
      return this.#frames(pid, processes.get(pid), addresses);
    });
  }

  #frames(pid: number, process: Process | undefined, addresses: readonly bigint[]): SymbolFrame[] {
    return addresses.map((address, index) => {
      const at = called(address, index);
      const mapping = process && mappingAt(process.mappings, at);
      if (!process || !mapping)
        return { ...frame(address, index, undefined, 0, undefined), isCode: false };
      if (mapping.inode === 0n && mapping.path !== VDSO) {
        const found = process.compiled.at(at);
        return frame(address, index, found?.name, found?.offset ?? 0, mapping.path || undefined);
      }
      const place = Number(at - mapping.start + mapping.offset);
      const file = this.#file(pid, mapping);
      const inFile = file?.addressOf(place);
      const found = inFile === undefined ? undefined : file?.symbols.at(inFile);
      return frame(address, index, found?.name, found?.offset ?? place, mapping.path);
    });
  }

  /** Read anew each time: libraries come and go. */
  #process(pid: number): Process | undefined {
    const known = this.#processes.get(pid);
    try {
      const mappings = codeMappings(pid);
      // Of a process that ended and is not waited for nothing is left.
      if (mappings.length === 0) return known;
      const process = { mappings, compiled: known?.compiled ?? new PerfMap(pid) };
      remember(this.#processes, pid, process, MOST_PROCESSES);
      return process;
    } catch {
      return known;
    }
  }

  #file(pid: number, mapping: CodeMapping): CodeFile | undefined {
    const { device, inode, path } = mapping;
    const key = inode === 0n ? path : `${device} ${inode}`;
    const version = versionOf(pid, mapping);
    const known = this.#files.get(key);
    const isSame = known && (version === undefined || version === known.version);
    const file = isSame ? known : { version, code: readCode(pid, mapping) };
    remember(this.#files, key, file, MOST_FILES);
    return file.code;
  }
}

/** Keeps it as the latest, and not more than so many. */
const remember = <K, V>(map: Map<K, V>, key: K, value: V, most: number): void => {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) map.delete(map.keys().next().value!);
};

/** They are in the order of their addresses, and there may be 65 000. */
const mappingAt = (mappings: readonly CodeMapping[], at: bigint): CodeMapping | undefined => {
  let [low, high] = [0, mappings.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (mappings[middle]!.end > at) high = middle;
    else low = middle + 1;
  }
  const found = mappings[low];
  return found && found.start <= at ? found : undefined;
};

/** A file that is written anew keeps its inode, and one that is deleted leaves it to another. */
const versionOf = (pid: number, mapping: CodeMapping): string | undefined => {
  try {
    const { size, mtimeNs } = statSync(mappedFile(pid, mapping), { bigint: true });
    return `${size} ${mtimeNs}`;
  } catch {
    return undefined;
  }
};

/** Leads to the file itself, whatever its name is by now. Root may follow it. */
const mappedFile = (pid: number, { start, end }: CodeMapping): string =>
  `/proc/${pid}/map_files/${start.toString(16)}-${end.toString(16)}`;

/** Of all but the innermost call the address is the one that it returns to: the call is before it. */
const called = (address: bigint, index: number): bigint => (index === 0 ? address : address - 1n);

const frame = (
  address: bigint,
  index: number,
  name: string | undefined,
  offset: number,
  file: string | undefined,
): SymbolFrame => {
  const behind = index === 0 || (name === undefined && file === undefined) ? 0 : 1;
  return { address, name, offset: offset + behind, file, isCode: true };
};

/** `readline+0x10 (/usr/bin/bash)`; without a name `0x7f1c2a000010 (/usr/bin/bash+0x4c5d0)`. */
export const formatFrame = ({ address, name, offset, file }: SymbolFrame): string => {
  const place = `+0x${offset.toString(16)}`;
  if (name !== undefined) return `${name}${place}${file ? ` (${file})` : ''}`;
  return `0x${address.toString(16)}${file ? ` (${file}${place})` : ''}`;
};

const readCode = (pid: number, mapping: CodeMapping): CodeFile | undefined => {
  try {
    if (mapping.path === VDSO) return codeOf(new ElfFile(memoryOf(pid, mapping), { label: VDSO }));
    using code = mapCode(pid, mapping);
    const file = new ElfFile(code.bytes, { label: mapping.path });
    const path = file.symbols.length > 0 ? undefined : debugFile(file, mapping.path, pid);
    if (path === undefined) return codeOf(file);
    return withElfFile(path, (debug) => codeOf(file, debug));
  } catch (error) {
    // It is gone, it belongs to somebody else, or it is no ELF file.
    const isExpected =
      error instanceof SystemCallError || error instanceof ElfError || 'code' in (error as Error);
    if (isExpected) return undefined;
    throw error;
  }
};

const codeOf = (file: ElfFile, debug?: ElfFile): CodeFile => ({
  symbols: codeSymbols(debug ? [file, debug] : [file]),
  addressOf: codeAddresses(file),
});

/**
 * Through the mapping itself, which root may do: also what was deleted, and what is in a container. When the process has
 * ended, the file of that name, if it is the one.
 */
const mapCode = (pid: number, mapping: CodeMapping): Mapping => {
  const { path, inode } = mapping;
  for (const candidate of [mappedFile(pid, mapping), `/proc/${pid}/root${path}`]) {
    try {
      return mapFile(candidate);
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
    }
  }
  const { ino } = statSync(path, { bigint: true });
  if (ino !== inode) throw new ElfError(`${path} is another file by now`);
  return mapFile(path);
};

const memoryOf = (pid: number, { start, end }: CodeMapping): Uint8Array => {
  const bytes = new Uint8Array(Number(end - start));
  const fd = openSync(`/proc/${pid}/mem`, 'r');
  try {
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, start));
  } finally {
    closeSync(fd);
  }
};
