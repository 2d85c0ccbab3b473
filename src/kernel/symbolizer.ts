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
}

/** What the kernel maps into every process. */
const VDSO = '[vdso]';

/** How many processes are remembered: those that have ended keep their names meanwhile. */
const MOST_PROCESSES = 1_000;

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

/**
 * Finds names, and remembers what it read: the kernel's table, the files, where each process has them. Ask as long as
 * the process lives; of one that was asked about before, the answers stay after its end.
 */
export class Symbolizer {
  readonly #processes = new Map<number, Process>();
  /** By device and inode; undefined for those that cannot be read. */
  readonly #files = new Map<string, CodeFile | undefined>();

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
    const process = this.#process(pid);
    return addresses.map((address, index) => {
      const at = called(address, index);
      const mapping = process?.mappings.find(({ start, end }) => at >= start && at < end);
      if (!process || !mapping) return frame(address, index, undefined, 0, undefined);
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
      this.#processes.delete(pid);
      this.#processes.set(pid, process);
      if (this.#processes.size > MOST_PROCESSES)
        this.#processes.delete(this.#processes.keys().next().value!);
      return process;
    } catch {
      return known;
    }
  }

  #file(pid: number, mapping: CodeMapping): CodeFile | undefined {
    const { device, inode, path } = mapping;
    const key = inode === 0n ? path : `${device} ${inode}`;
    if (!this.#files.has(key)) this.#files.set(key, readCode(pid, mapping));
    return this.#files.get(key);
  }
}

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
  return { address, name, offset: offset + behind, file };
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
const mapCode = (pid: number, { start, end, path, inode }: CodeMapping): Mapping => {
  const range = `${start.toString(16)}-${end.toString(16)}`;
  for (const candidate of [`/proc/${pid}/map_files/${range}`, `/proc/${pid}/root${path}`]) {
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
