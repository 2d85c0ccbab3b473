/**
 * @module
 * Programs in place of functions of other programs (freplace): what they replace is said when they are loaded, and they
 * can be attached to functions with the same prototype. Follows kernel/bpf/syscall.c, bpf_tracing_prog_attach.
 */
import { type ForeignFunction, HOOKS, RequirementError } from '../object/index.ts';
import { FileDescriptor, linkCreate } from '../syscall/index.ts';
import { attachTracing } from './attach-tracing.ts';
import { Link } from './link.ts';
import { loadedBtf } from './loaded.ts';
import type { AttachContext } from './perf-link.ts';
import type { Program } from './program.ts';

/** A global function of a program that is loaded. */
export interface ExtensionTarget {
  readonly program: Program;
  /** Without it the one that the section names: `freplace/FUNCTION`. */
  readonly function?: string | undefined;
}

export interface ExtensionOptions {
  /** Another function than the one that it was loaded for. Linux 5.10. */
  readonly target?: ExtensionTarget | undefined;
}

/** The function in the types of its program. */
export const functionOf = ({ program, function: name }: ExtensionTarget): ForeignFunction => {
  const btf = loadedBtf(program.info().btfId);
  const id = btf?.findByName(name ?? '', 'func');
  if (btf && id !== undefined) return { btf, id };
  throw new RequirementError(
    `the program ${program.name} has no function ${name}${btf ? '' : ': it was loaded without types'}`,
  );
};

/** freplace. */
export const attachExtension = (
  program: Program,
  context: AttachContext,
  { target }: ExtensionOptions,
): Link => {
  if (!target) return attachTracing(program, context, {});
  const { type, section, name } = program.spec.hook;
  const { id } = functionOf({ function: name, ...target });
  const fd = linkCreate({
    progFd: program.fd,
    target: target.program.fd,
    attachType: HOOKS[type].attach,
    extra: { kind: 'tracing', targetBtfId: id },
    attempt: `attach ${section} to ${target.program.name}`,
  });
  return new Link(section, 'link', [new FileDescriptor(fd, `link ${section}`)]);
};
