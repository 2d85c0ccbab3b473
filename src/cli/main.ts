#!/usr/bin/env node
/**
 * @module
 * The command line. Help costs nothing: each command is loaded when it is run. The package has this file and the tools
 * as CommonJS, which Node starts sooner (rolldown.config.ts).
 */
import { useCompiled } from './compiled.ts';
import { FAILED, statusOf, USAGE, UsageError } from './errors.ts';
import { printable } from './printable.ts';
import { forgiveReaders } from './readers.ts';
import { SUMMARIES } from './summaries.ts';

const help = (): string =>
  [
    'beespoke COMMAND [options]: eBPF tools and an assembler, without a compiler',
    '',
    'Tools:',
    ...Object.entries(SUMMARIES).map(([name, summary]) => `  ${name.padEnd(14)}${summary}`),
    '',
    'Commands:',
    '  list          the tools, and whether this kernel can run them',
    '  disasm WHAT   the instructions of a tool or an object file, with the lines that they come from',
    '  asm FILE.s    assembles text to an object file',
    '  exec          runs a program from stdin, in user space or in the kernel, and prints r0',
    '  run FILE      runs an object file, or what a module exports, and shows its events',
    '  load FILE     verifies the programs of object files, and says how it went',
    '  build TOOL    writes a tool or a program of yours to an object file, for libbpf and others',
    '  probes        what programs can be attached to, and what they can read there',
    '  btf [TYPE]    types of the kernel or of a file, as C, TypeScript or JSON',
    '  prog, map and link show what is loaded now; prog and map dump what is in one',
    '  doctor        what this kernel and these privileges allow, and what to do about the rest',
    '',
    'beespoke COMMAND --help says more. Tools need root, or CAP_BPF and CAP_PERFMON.',
  ].join('\n');

const main = async ([command, ...args]: readonly string[]): Promise<number> => {
  if (command !== undefined && Object.hasOwn(SUMMARIES, command)) {
    useCompiled(command);
    const { run } = await import('./tool-command.ts');
    return run(command, args);
  }
  forgiveReaders();
  if (command === undefined || command === '--help' || command === '-h' || command === 'help') {
    const output = command === undefined ? process.stderr : process.stdout;
    output.write(`${help()}\n`);
    return command === undefined ? USAGE : 0;
  }
  if (command === '--version' || command === '-V') {
    const { version } = await import('./version.ts');
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  const { COMMANDS } = await import('./commands.ts');
  if (Object.hasOwn(COMMANDS, command)) return (await COMMANDS[command]!()).run(args);
  throw new UsageError(
    `there is no command ${JSON.stringify(command)}; beespoke --help lists them`,
  );
};

/** A line of a message is no longer, whatever it quotes of a file. */
const LONGEST = 2000;

const shown = (line: string): string =>
  printable(line.length > LONGEST ? `${line.slice(0, LONGEST)} ...` : line);

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    forgiveReaders();
    const text = error instanceof Error ? error.message : String(error);
    process.stderr.write(`beespoke: ${text.split('\n').map(shown).join('\n')}\n`);
    process.exitCode = error === undefined ? FAILED : statusOf(error);
  },
);
