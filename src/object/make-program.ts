/**
 * @module
 * What all constructors of programs share: the checks of a body against its hook.
 */
import {
  AssemblerError,
  type Code,
  checkFunction,
  type Site,
  type Subprogram,
} from '../asm/index.ts';
import type { Access, Fields, Struct } from '../layout/index.ts';
import { hasArguments, leadsToSystemCall } from './hook-arguments.ts';
import type { ProgramSpec } from './program-spec.ts';
import type { Hook } from './sections.ts';
import { relocationOf, visitProgram } from './visit.ts';

/** A program at a hook, its body checked as far as it can be without a kernel. */
export const program = (hook: Hook, body: Code, site: Site, arity = 1): ProgramSpec => {
  const subprograms: Subprogram[] = [];
  const check = (what: string, body: Code, arity: number, site: Site | undefined) => {
    for (const callee of checkFunction(what, body, arity, site)) {
      if (subprograms.includes(callee)) continue;
      subprograms.push(callee);
      check(`${hook.section}: ${callee.name}`, callee.body, callee.arity, callee.site);
    }
  };
  check(hook.section, body, arity, site);
  checkContext(hook, { body, subprograms });
  return { kind: 'program', hook, body, subprograms, site };
};

/** Refuses the arguments of a hook that has a record, and the other way round. */
const checkContext = ({ type, section }: Hook, code: Pick<ProgramSpec, 'body' | 'subprograms'>) =>
  visitProgram(code, (item) => {
    const root = relocationOf(item)?.root;
    const origin = root?.kind === 'struct' ? root.origin : undefined;
    const site = item.kind === 'instruction' ? item.site : undefined;
    if (origin === 'tracepoint' && type !== 'tracepoint')
      throw new AssemblerError(
        `${section} has no record: tracepointFields belong to tracepoint programs`,
        site,
      );
    if (origin !== 'arguments' || hasArguments(type)) return;
    if (type !== 'ksyscall')
      throw new AssemblerError(
        `${section} has no arguments: hookArguments belong to raw tracepoints and to functions`,
        site,
      );
    if (!leadsToSystemCall(root as Struct<Fields, Access>))
      throw new AssemblerError(
        `${section} has the arguments of a system call: systemCallArguments, and coreRead to read them`,
        site,
      );
  });
