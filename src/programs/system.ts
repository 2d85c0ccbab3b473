/**
 * @module
 * The machine that a tool runs on, as far as tools ask about it: before their objects are made, and about what they
 * receive. The command line answers for the machine that it runs on, a test for one that it makes up.
 */

/** An argument of a static probe. */
export interface StaticArgument {
  /** 1, 2, 4 or 8 bytes. */
  readonly size: number;
  readonly signed: boolean;
}

/** A static probe (USDT) of an executable or library. */
export interface StaticProbe {
  /** As it was asked for. */
  readonly file: string;
  readonly provider: string;
  readonly name: string;
  /** Of the first of its places; undefined where they are in places that programs cannot read. */
  readonly args: readonly StaticArgument[] | undefined;
  /** The same as the assembler wrote it: `-4@%edi 8@-24(%rbp)`. */
  readonly text: string;
  /** In how many places it is. */
  readonly places: number;
}

/** A function of an executable or library. */
export interface FileFunction {
  readonly name: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
}

/** One of the places of a static probe, which is called `PROVIDER:NAME`. */
export interface StaticPlace extends FileFunction {
  /** Bytes from the start of the file to its semaphore; 0 where it has none. */
  readonly referenceCounter: number;
}

/** What calls led to a place in a process: addresses of its code, the innermost first. */
export interface UserStack {
  /** As programs see it. */
  readonly pid: number;
  readonly addresses: readonly bigint[];
}

/** A name, a pattern with `*` and `?`, or a regular expression. */
export type NamePattern = string | RegExp;

/**
 * Files are executables or libraries: a path, a command (`bash`), a library (`libc.so.6`), with `pid` as that process has
 * them. Throws a RequirementError where the machine does not tell, an ElfError for files that are damaged.
 */
export interface System {
  /** Whether the kernel has a hook under its section name: `kprobe.multi/vfs_read`. */
  hasHook(section: string): boolean;
  /** The functions of the kernel that fit and can be traced by their names: each name is that of one function. */
  kernelFunctions(pattern: NamePattern): readonly string[];
  /** The tracepoints that fit, as `category:name`. */
  tracepoints(pattern: NamePattern): readonly string[];
  hasFile(file: string, pid?: number): boolean;
  /** The functions of a file that fit, without those whose beginning no program can be at. */
  functions(file: string, pattern: NamePattern, pid?: number): readonly FileFunction[];
  /** The places of the static probes of a file that fit by their names, with the provider or without. */
  staticPlaces(file: string, pattern: NamePattern, pid?: number): readonly StaticPlace[];
  staticProbes(file: string, pid?: number): readonly StaticProbe[];
  /** The executables and libraries that a process has mapped, by their paths. */
  mappedFiles(pid: number): readonly string[];
  /** The process that asks, as programs see it; undefined where that is not known. */
  ownPid(): number | undefined;
  /**
   * The calls of each stack: `readline+0x10 (/usr/bin/bash)`, or an address where no name is known. To be asked at once:
   * of a process that has ended the machine knows only what it was asked about before. To find out, it opens files.
   */
  userStacks(stacks: readonly UserStack[]): readonly (readonly string[])[];
}
