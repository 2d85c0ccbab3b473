/**
 * @module
 * `beespoke asm FILE.s -o FILE.o`: assembles text to an object file that libbpf, bpftool and cilium/ebpf load. It needs
 * no kernel and no compiler.
 */
import { writeObject } from '../elf/index.ts';
import { parseObject } from '../object/index.ts';
import type { OptionTable } from '../programs/tool.ts';
import { report } from './build.ts';
import { DONE, USAGE, UsageError } from './errors.ts';
import { readNamed } from './object-file.ts';
import { helpOf, parseWithRest } from './options.ts';
import { writeWhole } from './output-file.ts';

const OPTIONS = {
  output: { type: 'text', short: 'o', placeholder: 'FILE', help: 'where to write it; - is stdout' },
  json: { type: 'boolean', help: 'say what was written as one JSON object' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const satisfies OptionTable;

const HELP = [
  'beespoke asm FILE.s -o FILE.o',
  '',
  'Assembles text to an object file that libbpf, bpftool and cilium/ebpf load. Instructions can be written as the',
  'kernel prints them, as LLVM and GNU as take them, or by the mnemonics of uBPF. A label begins each function; those of',
  'the section of a hook are programs, and those of .text are called by them.',
  '',
  '  .license "GPL"',
  '  .map counts, hash, key=u32, value=u64, max_entries=1024',
  '  .section tracepoint/sched/sched_process_exit',
  '  ended:',
  '    r1 = counts ll',
  '    ...',
  '',
  'Variables stand in .data, .bss and .rodata: `limit: .long 10`, and `r1 = limit ll` is the address.',
  '',
  ...helpOf(OPTIONS),
  '',
  'Example:',
  '  beespoke asm ended.s -o ended.bpf.o && beespoke load ended.bpf.o',
];

export const run = async (args: readonly string[]): Promise<number> => {
  const { given, rest } = parseWithRest(args, OPTIONS);
  const [name, ...more] = rest;
  if (given.help || name === undefined) {
    const output = given.help ? process.stdout : process.stderr;
    output.write(`${HELP.join('\n')}\n`);
    return given.help ? DONE : USAGE;
  }
  if (more.length > 0)
    throw new UsageError(`asm takes one file, got ${JSON.stringify(more[0])} as well`);
  const file = given.output as string | undefined;
  if (!file) throw new UsageError(`say where to write it: asm ${name} -o FILE`);
  const spec = parseObject(new TextDecoder().decode(readNamed(name)), { file: name });
  const bytes = writeObject(spec, { variants: 'all' });
  writeWhole(file, bytes);
  report(file, bytes, Object.keys(spec.maps), given.json === true);
  return DONE;
};
