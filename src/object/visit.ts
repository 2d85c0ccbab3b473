/**
 * @module
 * A walk over the lists of a program, through both ways of its choices, without assembling it.
 */
import type {
  AnyExtern,
  Choice,
  Code,
  Instruction,
  Label,
  Relocation,
  Subprogram,
} from '../asm/index.ts';

/** Calls `each` for every instruction and choice of a body, in order. */
export const visit = (code: Code, each: (item: Instruction | Choice) => void): void => {
  if (!code) return;
  if (Array.isArray(code)) {
    // Not for ... of, whose iterators are a quarter of what loading a program leaves to be collected.
    (code as readonly Code[]).forEach((item) => {
      visit(item, each);
    });
    return;
  }
  const item = code as Instruction | Label | Choice;
  if (item.kind === 'label') return;
  each(item);
  if (item.kind !== 'choice') return;
  visit(item.yes, each);
  visit(item.no, each);
};

/** `visit` for a program and all that it calls. */
export const visitProgram = (
  { body, subprograms }: { readonly body: Code; readonly subprograms: readonly Subprogram[] },
  each: (item: Instruction | Choice) => void,
): void => {
  visit(body, each);
  for (const subprogram of subprograms) visit(subprogram.body, each);
};

/** The number about the kernel that an instruction or a choice waits for. */
export const relocationOf = (item: Instruction | Choice): Relocation | undefined => {
  if (item.kind === 'instruction') return item.relocation;
  return item.condition.test === 'core' ? item.condition.relocation : undefined;
};

/** The symbol of the kernel that an instruction or a choice names. */
export const externOf = (item: Instruction | Choice): AnyExtern | undefined => {
  if (item.kind === 'choice')
    return item.condition.test === 'function' ? item.condition.extern : undefined;
  return item.reference?.kind === 'extern' ? item.reference.extern : undefined;
};
