/**
 * @module
 * Assembler as text within TypeScript, with values in it: registers, numbers, labels, maps, helpers, functions, places
 * (which carry offset, size and width, and are checked as in `load` and `store`), and other code.
 * @example
 * const out = label('out');
 * tracepoint('sched/sched_process_exit', asm`
 *   call ${helper.get_current_pid_tgid}
 *   r6 = r0
 *   ${pid !== undefined && [rsh(r0, 32), jne(w0, pid, out)]}
 *   ${reserve(r7, events, out)}
 *   ${event.pid} = w6                  # a store, of the field's size
 *   r1 = &${event.comm}                # its address
 *   r2 = ${16}
 *   call ${helper.get_current_comm}
 * ${out}:
 *   r0 = 0
 *   exit
 * `);
 */
import type { Access, Mem } from '../layout/index.ts';
import type { KernelNumber } from './alu.ts';
import type { AnyMap, Code, Label, Subprogram } from './code.ts';
import type { Helper } from './helper-types.ts';
import { parsePieces } from './parse.ts';
import type { Register } from './register.ts';
import { callSite, type Site } from './site.ts';

/** What can stand in the text. */
export type Interpolated =
  | Register
  | number
  | bigint
  | Label
  | AnyMap
  | Subprogram
  | Helper
  | KernelNumber
  | Mem<unknown, Access>
  | Code;

/**
 * The code of a text. Each instruction has its own line of TypeScript, as far as the values in the text are on one line
 * each. Throws an AssemblerTextError with the line and the column in the text.
 */
export const asm = (text: TemplateStringsArray, ...values: readonly Interpolated[]): Code => {
  const site = callSite(asm);
  return parsePieces(text.raw, values, { siteAt: ({ line }) => below(site, line - 1) });
};

/** The same place, some lines further down. */
const below = (site: Site, lines: number): Site => {
  if (lines === 0) return site;
  let moved: string | undefined;
  return {
    get stack() {
      moved ??= (site.stack ?? '').replace(
        /^(\s*at .*?):(\d+):\d+(\)?)$/m,
        (_, place: string, line: string, end: string) => `${place}:${Number(line) + lines}:1${end}`,
      );
      return moved;
    },
  };
};
