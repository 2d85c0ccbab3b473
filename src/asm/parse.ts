/**
 * @module
 * From text to code of the language, in all the dialects that there are: what the kernel, bpftool and our own listings
 * print, what LLVM and GNU as take, uBPF's and rbpf's mnemonics (text-pseudo.ts, text-mnemonic.ts).
 * @example
 * tracepoint('sched/sched_process_exit', parse(`
 *   call bpf_get_current_pid_tgid
 *   if r0 == 0 goto out      # the idle task
 *   r1 = events ll
 *   ...
 * out:
 *   r0 = 0
 *   exit
 * `, { maps: { events } }));
 */
import type { AnyExtern, AnyMap, Code, Reference, Subprogram } from './code.ts';
import { callSite, type Site } from './site.ts';
import { functionsOf } from './text-functions.ts';
import { Scanner, type ScannerOptions } from './text-scanner.ts';
import { type Element, rawInstructions, readStatements } from './text-statements.ts';

export interface ParseOptions {
  /** What errors and listings call the text; without it instructions have the line where `parse` was called. */
  readonly file?: string | undefined;
  /** The maps that the text names. */
  readonly maps?: Readonly<Record<string, AnyMap>> | undefined;
  /** The functions that it calls, beside its own. */
  readonly functions?: Readonly<Record<string, Subprogram>> | undefined;
  /** The symbols of the kernel that it names. */
  readonly externs?: Readonly<Record<string, AnyExtern>> | undefined;
}

/**
 * The code of a program or a part of one. A label that is called begins a function of its own. Throws an
 * AssemblerTextError with the line and the column.
 */
export const parse = (text: string, options: ParseOptions = {}): Code => {
  const site = callSite(parse);
  const { file } = options;
  return parsePieces([text], [], { file, siteAt: () => site }, options);
};

/** `parse` for a text with values in it. */
export const parsePieces = (
  strings: readonly string[],
  values: readonly unknown[],
  scanning: ScannerOptions,
  { maps = {}, functions = {}, externs = {} }: ParseOptions = {},
): Code => {
  const scanner = new Scanner(strings, values, scanning);
  const elements: Element[] = [];
  readStatements(
    scanner,
    (element) => elements.push(element),
    (name, at) => {
      if (name === '.quad') elements.push(...rawInstructions(scanner, at));
      else scanner.fail(`${name} belongs into a whole file: parseObject takes those`, at);
    },
  );
  const symbols = new Map<string, Reference>([
    ...Object.entries(maps).map(([name, map]) => [name, { kind: 'map', map }] as const),
    ...Object.entries(functions).map(
      ([name, of]) => [name, { kind: 'function', function: of }] as const,
    ),
    ...Object.entries(externs).map(([name, extern]) => [name, { kind: 'extern', extern }] as const),
  ]);
  const [program] = functionsOf(elements, contextOf(scanner, symbols));
  return program?.body ?? [];
};

/** How the functions of a scanned text are found. */
export const contextOf = (scanner: Scanner, symbols: ReadonlyMap<string, Reference>) => ({
  symbols,
  fail: (reason: string, at: number): never => scanner.fail(reason, at),
  siteOf: (at: number): Site | undefined => scanner.siteOf(at),
});
