/**
 * @module
 * A program that the kernel's verifier refused, in terms of the TypeScript that it was written in.
 */
import { ownFrames } from '../asm/index.ts';
import type { LinkedProgram } from '../object/index.ts';
import { blamedRegister, parseRefusal, type Refusal, tailOf } from '../verifier/index.ts';
import { instructionAt } from './line-info.ts';
import { type SourceLine, sourceOf } from './sources.ts';

const TAIL = 20;

/** The verifier's refusal: what, where in the source, and what the registers held. */
export class VerifierError extends Error {
  override readonly name = 'VerifierError';
  /** The program's name in its object. */
  readonly program: string;
  /** All that the verifier wrote. */
  readonly log: string;
  /** The slot of the refused instruction. */
  readonly instruction: number | undefined;
  /** Where it was written: its own line, then the lines of macros around it. */
  readonly source: readonly SourceLine[];
  /** What each register held before it, in the kernel's words. */
  readonly registers: Readonly<Record<string, string>>;

  constructor(linked: LinkedProgram, log: string, options?: ErrorOptions) {
    const refusal = parseRefusal(log);
    const instruction = refusal?.instruction;
    const source = instruction === undefined ? [] : sourceLines(linked, instruction);
    super(compose(linked, log, refusal, source), options);
    this.program = linked.name;
    this.log = log;
    this.instruction = instruction;
    this.source = source;
    this.registers = refusal?.registers ?? {};
  }
}

const sourceLines = ({ assembly, spec }: LinkedProgram, slot: number): SourceLine[] => {
  const instruction = instructionAt(assembly, slot);
  return instruction ? ownFrames(instruction.site, spec.site).map(sourceOf) : [];
};

const compose = (
  { name, spec, poisoned }: LinkedProgram,
  log: string,
  refusal: Refusal | undefined,
  source: readonly SourceLine[],
): string => {
  const missing =
    refusal?.instruction === undefined ? undefined : poisoned.get(refusal.instruction);
  const reason = missing ?? refusal?.message ?? 'it gave no reason';
  const lines = [`the kernel refuses ${name} (${spec.hook.section}): ${reason}`];
  source.forEach(({ file, line, column, text }, depth) => {
    lines.push(
      `  ${depth === 0 ? 'at' : 'from'} ${file}:${line}:${column}${text ? `\n      ${text}` : ''}`,
    );
  });
  if (refusal?.text !== undefined)
    lines.push(`  instruction ${refusal.instruction}: ${refusal.text}`);
  const register = refusal && blamedRegister(refusal.message);
  const held = register && refusal.registers[register];
  if (held) lines.push(`  ${register} holds ${held}${hint(register, held)}`);
  lines.push("the end of the verifier's log:", ...tailOf(log, TAIL).map((line) => `  ${line}`));
  return lines.join('\n');
};

const hint = (register: string, held: string): string =>
  held.includes('_or_null')
    ? `, which may be 0: compare it with 0 first (jeq(${register}, 0, out))`
    : '';
