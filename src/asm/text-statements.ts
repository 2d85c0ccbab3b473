/**
 * @module
 * The statements of a text, one after the other: labels, instructions of every dialect, lines of listings, directives.
 *
 * A `;` parts instructions, as in LLVM; behind a mnemonic, and at the beginning of a line, it begins a comment.
 */
import type { Code, Instruction, Label } from './code.ts';
import { decode } from './encode.ts';
import { LDDW } from './opcodes.ts';
import { restamp } from './restamp.ts';
import { readData } from './text-data.ts';
import { goalOf } from './text-goals.ts';
import { closeMnemonics, mnemonicStatement } from './text-mnemonic.ts';
import { describeValue, type Goal } from './text-operands.ts';
import { pseudoStatement } from './text-pseudo.ts';
import type { Scanner } from './text-scanner.ts';

/** A piece of a text: the name of a place, or code. */
export type Element =
  | { readonly kind: 'name'; readonly name: string; readonly at: number }
  | {
      readonly kind: 'code';
      readonly code: Code;
      /** What the one instruction jumps or refers to. */
      readonly goal?: Goal | undefined;
      readonly at: number;
    };

/** Reads a text to its end. `directive` reads what begins with a dot. */
export const readStatements = (
  scanner: Scanner,
  emit: (element: Element) => void,
  directive: (name: string, at: number) => void,
): void => {
  let semicolonComments = false;
  let slots: number | undefined;
  for (scanner.skipLines(); !scanner.atEnd; scanner.skipLines()) {
    const at = scanner.at;
    const listed = scanner.match(/(\d+): \(([0-9a-f]{2})\) /y);
    if (listed) {
      const slot = Number(listed[1]);
      if (slots !== undefined && slot !== slots)
        scanner.fail(
          `the listing goes on with slot ${slots}, got ${slot}: what is between is missing`,
          at,
        );
      const opcode = Number.parseInt(listed[2]!, 16);
      scanner.skipSpaces();
      const start = scanner.at;
      const element = instructionHere(scanner, opcode);
      checkOpcode(scanner, element.code, opcode, start);
      emit(element);
      slots = slot + (opcode === LDDW ? 2 : 1);
    } else if (nameHere(scanner, emit)) {
      continue;
    } else if (scanner.match(/\.(?=[a-z])/y)) {
      directive(`.${scanner.word() ?? ''}`, at);
    } else {
      const hole = spliced(scanner);
      if (hole) emit(hole);
      else {
        const statement = instructionHere(scanner, undefined);
        emit(statement);
        semicolonComments = statement.byMnemonic ?? semicolonComments;
      }
    }
    if (!scanner.atStatementEnd)
      scanner.fail(`the instruction ends here, but ${scanner.rest()} follows`);
    if (semicolonComments) scanner.skipLine();
  }
};

/** How bpftool heads a function: `int count(struct __sk_buff * skb):`. */
const PROTOTYPE = /[a-z_][\w \t*]*[ \t*](\w+)\([^()\n]*\):[ \t]*(?=\n|$)/iy;

/** A label before an instruction. */
const nameHere = (scanner: Scanner, emit: (element: Element) => void): boolean => {
  const start = scanner.at;
  const value = scanner.value();
  if (value && scanner.take(':')) {
    if ((value.value as Label | null)?.kind !== 'label')
      scanner.fail(`before a colon stands a label, got ${describeValue(value.value)}`, start);
    emit({ kind: 'code', code: value.value as Label, at: start });
    return true;
  }
  scanner.at = start;
  const prototype = scanner.match(PROTOTYPE)?.[1];
  if (prototype !== undefined) {
    emit({ kind: 'name', name: prototype, at: start });
    return true;
  }
  const name = scanner.match(/\d{1,9}(?=[ \t]*:)/y)?.[0] ?? scanner.name();
  if (name !== undefined && scanner.take(':')) {
    emit({ kind: 'name', name, at: start });
    return true;
  }
  scanner.at = start;
  return false;
};

/** Code that stands as a value, by itself. */
const spliced = (scanner: Scanner): Element | undefined => {
  const start = scanner.at;
  const hole = scanner.value();
  if (hole && scanner.atStatementEnd) {
    const { value, at } = hole;
    if (isCode(value)) return { kind: 'code', code: value, at };
    scanner.fail(
      `an instruction, a label or a list of them stands alone, got ${describeValue(value)}`,
      at,
    );
  }
  scanner.at = start;
  return undefined;
};

const isCode = (value: unknown): value is Code => {
  if (value === false || value === null || value === undefined || Array.isArray(value)) return true;
  const { kind } = value as { readonly kind?: string };
  return kind === 'instruction' || kind === 'label' || kind === 'choice';
};

const instructionHere = (scanner: Scanner, opcode: number | undefined) => {
  const at = scanner.at;
  const pseudo = pseudoStatement(scanner, opcode);
  const statement = pseudo ?? mnemonicStatement(scanner) ?? unknown(scanner, at);
  // `call` and `exit` belong to all dialects.
  const shared = scanner.begins(at, /(?:call|exit)\b/y);
  return {
    kind: 'code',
    at,
    code: restamp(scanner.siteOf(at) ?? {}, statement.code),
    goal: statement.goal,
    byMnemonic: shared ? undefined : !pseudo,
  } as const;
};

const unknown = (scanner: Scanner, at: number): never => {
  const word = scanner.word();
  if (word?.startsWith('BUG_'))
    scanner.fail(`${word} is the kernel's name for what is no instruction`, at);
  if (word === undefined)
    scanner.fail(`an instruction, a label or a directive, got ${scanner.rest()}`, at);
  return scanner.fail(
    `there is no instruction ${JSON.stringify(word)}${closeMnemonics(word) || '; comments begin with # or //'}`,
    at,
  );
};

const checkOpcode = (scanner: Scanner, code: Code, opcode: number, at: number): void => {
  const { kind, opcode: found } = (code ?? {}) as Partial<Instruction>;
  if (kind !== 'instruction' || found === opcode) return;
  const hex = (value = 0) => value.toString(16).padStart(2, '0');
  scanner.fail(`the listing says opcode ${hex(opcode)}, but this is ${hex(found)}`, at);
};

/** Instructions as numbers of eight bytes, behind `.quad`: for what a dialect has no text for. */
export const rawInstructions = (scanner: Scanner, at: number): readonly Element[] => {
  const bytes = readData(scanner, '.quad') ?? new Uint8Array();
  return decoded(scanner, bytes, at).map((instruction) => ({
    kind: 'code',
    code: restamp(scanner.siteOf(at) ?? {}, instruction),
    goal: goalOf(instruction, at),
    at,
  }));
};

const decoded = (scanner: Scanner, bytes: Uint8Array, at: number): readonly Instruction[] => {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof RangeError) return scanner.fail(`.quad: ${error.message}`, at);
    throw error;
  }
};
