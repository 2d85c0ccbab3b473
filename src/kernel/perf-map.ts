/**
 * @module
 * Code that a process compiled while it runs (Node.js, Java), by the file that it writes for perf: a line `START SIZE
 * NAME` for each function, in hexadecimal (tools/perf/Documentation/jit-interface.txt). Node.js writes it with
 * `--perf-basic-prof`.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from 'node:fs';

const { O_NONBLOCK, O_RDONLY } = constants;

/** Larger files are left alone: their size may be all that there is of them. */
const MOST_BYTES = 256 * 1024 * 1024;
const MOST_FUNCTIONS = 1_000_000;

interface Compiled {
  readonly start: bigint;
  readonly end: bigint;
  readonly name: string;
}

/** The compiled functions of one process. */
export class PerfMap {
  readonly #path: string;
  /** The latest comes last: memory is used again. */
  readonly #functions: Compiled[] = [];
  /** How much of the file is read. */
  #read = 0;
  /** The end of what was read, if it is no whole line. */
  #rest = '';

  /** `pid` as this process sees it. There need not be such a file. */
  constructor(pid: number) {
    this.#path = `/proc/${pid}/root/tmp/perf-${ownPid(pid)}.map`;
  }

  /** The function at an address; undefined where none is known. Reads what the file has gained when it must. */
  at(address: bigint): { readonly name: string; readonly offset: number } | undefined {
    return this.#find(address) ?? (this.#readOn() ? this.#find(address) : undefined);
  }

  #find(address: bigint) {
    const found = this.#functions.findLast(({ start, end }) => address >= start && address < end);
    return found && { name: found.name, offset: Number(address - found.start) };
  }

  /** Whether there was more. */
  #readOn(): boolean {
    let fd: number;
    try {
      // Anyone may put something else there: nobody has to write to a pipe.
      fd = openSync(this.#path, O_RDONLY | O_NONBLOCK);
    } catch {
      return false;
    }
    try {
      const file = fstatSync(fd);
      if (!file.isFile() || file.size > MOST_BYTES) return false;
      const bytes = Buffer.alloc(Math.max(0, file.size - this.#read));
      const length = readSync(fd, bytes, 0, bytes.length, this.#read);
      if (length === 0) return false;
      this.#read += length;
      const lines = (this.#rest + bytes.toString('utf8', 0, length)).split('\n');
      this.#rest = lines.pop()!;
      for (const line of lines) this.#add(line);
      return true;
    } finally {
      closeSync(fd);
    }
  }

  #add(line: string): void {
    const [, at, size, name] =
      /^(?:0x)?([0-9a-f]{1,16}) (?:0x)?([0-9a-f]{1,16}) (.+)$/i.exec(line) ?? [];
    if (at === undefined || size === undefined || name === undefined) return;
    if (this.#functions.length >= MOST_FUNCTIONS) return;
    const start = BigInt(`0x${at}`);
    this.#functions.push({ start, end: start + BigInt(`0x${size}`), name });
  }
}

/** The number that a process has for itself, which another one stands for outside of its container (NSpid). */
const ownPid = (pid: number): number => {
  try {
    const [, numbers = ''] =
      /^NSpid:\s*(.+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(numbers.split(/\s+/).at(-1) || pid);
  } catch {
    return pid;
  }
};
