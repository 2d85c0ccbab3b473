/**
 * @module
 * A program as text that LLVM assembles: in its section, under its name, with what is known of each instruction as
 * comments.
 *
 *     .section socket,"ax",@progbits
 *     .globl keep
 *     .type keep,@function
 *     keep:
 *         call 7                                          # bpf_get_prandom_u32, filter.ts:12
 *         exit                                            # filter.ts:13
 */
import type { Instruction } from './code.ts';
import { helperById } from './helpers.ts';
import { describeText, type ListingOptions, listed } from './listing.ts';
import { BPF_CALL, BPF_JMP } from './opcodes.ts';
import { symbolText } from './print-llvm.ts';
import { describeFrame } from './site.ts';

/** Where the comments start. */
const COMMENTS = 52;

/** The lines of a program; `name` is that of its function. */
export const listingLlvm = (
  instructions: readonly Instruction[],
  section: string,
  options: ListingOptions & { readonly name: string },
): string[] => {
  const { lines = true } = options;
  const rows = listed(instructions, { ...options, labels: true, syntax: 'llvm' });
  const out = [`.section ${symbolText(section)},"ax",@progbits`];
  let before = '';
  rows.forEach(({ text, head, label, note, source }, index) => {
    if (head !== undefined) {
      if (head === options.name) out.push(`.globl ${symbolText(head)}`);
      out.push(`.type ${symbolText(head)},@function`, `${symbolText(head)}:`);
    } else if (label !== undefined) out.push(`${symbolText(label)}:`);
    const line = lines === 'text' ? describeText(source[0]).replace(/^;/, '    #') : '';
    if (line !== '' && line !== before) out.push(line);
    before = line;
    const place = lines === true && source.map(describeFrame).join(' < ');
    const notes = [helperName(instructions[index]!), note, place];
    const comment = notes.filter(Boolean).join(', ');
    const instruction = `    ${text}`;
    out.push(comment === '' ? instruction : `${instruction.padEnd(COMMENTS)} # ${comment}`);
  });
  return out;
};

/** LLVM has only their numbers. */
const helperName = ({ opcode, src, imm }: Instruction): string | undefined => {
  const isHelper = opcode === (BPF_JMP | BPF_CALL) && src === 0;
  const helper = isHelper ? helperById(imm) : undefined;
  return helper && `bpf_${helper.name}`;
};
