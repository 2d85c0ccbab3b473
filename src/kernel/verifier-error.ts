/**
 * @module
 * A program that the kernel's verifier refused, in terms of the TypeScript that it was written in.
 */
import {
  describeFrame,
  framesOf,
  type Instruction,
  ownFrames,
  type Requirement,
  requires,
  type Site,
} from '../asm/index.ts';
import type { LinkedProgram } from '../object/index.ts';
import { isAtLeast, kernelVersion } from '../syscall/index.ts';
import {
  type Explanation,
  explain,
  type Held,
  parseRefusal,
  type Refusal,
  tailOf,
} from '../verifier/index.ts';
import { instructionAt } from './line-info.ts';
import { type SourceLine, sourceOf } from './sources.ts';

/** Lines of the log in the message. */
const TAIL = 16;

interface VerifierErrorOptions extends ErrorOptions {
  /** Why the kernel did not take the BTF of the object. */
  readonly withoutBtf?: Error | undefined;
}

/** The verifier's refusal: what, where in the source, and what the registers held. */
export class VerifierError extends Error {
  override readonly name = 'VerifierError';
  /** The program's name in its object. */
  readonly program: string;
  /** What is wrong and where, without the log. */
  readonly explanation: string;
  /** What the verifier wrote: all of it where the loader was asked for it, else at least the end. */
  readonly log: string;
  /** The slot of the refused instruction. */
  readonly instruction: number | undefined;
  /**
   * Where the instruction at fault was written: its own line, then the lines of macros around it; else the line of the
   * program. The refused one may come later: a record that is never submitted is refused at the end.
   */
  readonly source: readonly SourceLine[];
  /** What each register held before it, in the kernel's words. */
  readonly registers: Readonly<Record<string, string>>;
  /** What kind of mistake it is, what the registers held and where that came from, and what may help. */
  readonly meaning: Explanation | undefined;
  /** The instruction or helper that this kernel is too old for, where that is the reason. */
  readonly requirement: Pick<Requirement, 'version' | 'because'> | undefined;

  constructor(linked: LinkedProgram, log: string, options: VerifierErrorOptions = {}) {
    const refusal = parseRefusal(log);
    const lack = lackOf(linked, refusal);
    const { assembly, spec } = linked;
    const isC = spec.site?.source !== undefined;
    const meaning = explain(log, { program: assembly, isC });
    const atFault = meaning?.slot === undefined ? undefined : instructionAt(assembly, meaning.slot);
    const source = linesOf(linked, (lack?.instruction ?? atFault)?.site);
    const explanation = describe(linked, { refusal, lack, meaning, source, ...options });
    const end = tailOf(log, TAIL).map((line) => `  ${line}`);
    super([explanation, "the end of the verifier's log:", ...end].join('\n'), {
      cause: options.cause,
    });
    this.program = linked.name;
    this.explanation = explanation;
    this.log = log;
    this.instruction = refusal?.instruction;
    this.source = source;
    this.registers = refusal?.registers ?? {};
    this.meaning = meaning;
    this.requirement = lack;
  }
}

const linesOf = ({ spec }: LinkedProgram, site: Site | undefined): SourceLine[] => {
  const frames = site ? ownFrames(site, spec.site) : framesOf(spec.site).slice(0, 1);
  return frames.map(sourceOf);
};

const refusedBy = (
  { assembly }: LinkedProgram,
  refusal: Refusal | undefined,
): Instruction | undefined => {
  if (refusal?.instruction !== undefined) return instructionAt(assembly, refusal.instruction);
  const opcode = /unknown opcode ([0-9a-f]{2})/.exec(refusal?.message ?? '')?.[1];
  return opcode === undefined
    ? undefined
    : assembly.instructions.find((each) => each.opcode === Number.parseInt(opcode, 16));
};

/** How kernels speak of instructions and helpers that came after them. */
const UNKNOWN = /unknown|reserved|invalid func|invalid BPF_|uses invalid|number of funcs/;

/** What this kernel is too old for, if it says that it does not know something newer than itself. */
const lackOf = (linked: LinkedProgram, refusal: Refusal | undefined): Requirement | undefined => {
  if (!refusal || !UNKNOWN.test(refusal.message)) return undefined;
  const refused = refusedBy(linked, refusal);
  const required = requires(refused ? [refused] : linked.assembly.instructions);
  return isAtLeast(required.version) ? undefined : required;
};

const describe = (
  linked: LinkedProgram,
  {
    refusal,
    lack,
    meaning,
    source,
    withoutBtf,
  }: VerifierErrorOptions & {
    readonly refusal: Refusal | undefined;
    readonly lack: Requirement | undefined;
    readonly meaning: Explanation | undefined;
    readonly source: readonly SourceLine[];
  },
): string => {
  const { name, spec, poisoned } = linked;
  const missing =
    refusal?.instruction === undefined ? undefined : poisoned.get(refusal.instruction);
  const lacking = lack
    ? `${lack.because} needs Linux ${lack.version}, and this is ${kernelVersion().release}`
    : missing;
  const reason = lacking ?? refusal?.message ?? 'it gives no reason';
  const lines = [`the kernel refuses ${name} (${spec.hook.section}): ${reason}`];
  source.forEach(({ file, line, column, text }, depth) => {
    lines.push(`  ${depth === 0 ? 'at' : 'from'} ${file}:${line}:${column}`);
    if (text) lines.push(`      ${text}`);
  });
  if (meaning?.refused) {
    const { slot, text } = meaning.refused;
    const instruction = `instruction ${slot}: ${text}`;
    lines.push(
      slot === meaning.slot
        ? `  ${instruction}`
        : `  refused at ${instruction}${placeOf(linked, slot)}`,
    );
  }
  if (meaning && lacking === undefined) {
    const kind = meaning.class === undefined ? '' : `${meaning.class}: `;
    if (meaning.cause !== undefined) lines.push(`  ${kind}${meaning.cause}`);
    lines.push(...meaning.held.flatMap((held) => describeHeld(linked, held)));
    if (meaning.repair !== undefined) lines.push(`  what may help: ${meaning.repair}`);
  }
  if (withoutBtf) lines.push(`  it was loaded without BTF: ${withoutBtf.message}`);
  return lines.join('\n');
};

const describeHeld = (
  linked: LinkedProgram,
  { register, value, meaning, provenance }: Held,
): string[] => [
  `  ${register} holds ${value}${value === meaning ? '' : `: ${meaning}`}`,
  ...provenance.map(({ slot, text }) => `      ${slot}: ${text}${placeOf(linked, slot)}`),
];

/** ` (exitsnoop.ts:31)`, where an instruction was written; nothing when that is not known. */
const placeOf = (linked: LinkedProgram, slot: number): string => {
  const site = instructionAt(linked.assembly, slot)?.site;
  const [line] = site ? linesOf(linked, site) : [];
  return line ? ` (${describeFrame(line)})` : '';
};
