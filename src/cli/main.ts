#!/usr/bin/env node
/**
 * @module
 * The command line. Help costs nothing: each command is loaded when it is run.
 */
import { FAILED, statusOf, USAGE, UsageError } from './errors.ts';
import { printable } from './printable.ts';
import { SUMMARIES } from './summaries.ts';

const COMMANDS: Readonly<
  Record<string, () => Promise<{ run(args: readonly string[]): Promise<number> }>>
> = {
  list: () => import('./list.ts'),
  disasm: () => import('./disasm.ts'),
  btf: () => import('./btf.ts'),
};

const help = (): string =>
  [
    'beespoke COMMAND [options]: eBPF tools and an assembler, without a compiler',
    '',
    'Tools:',
    ...Object.entries(SUMMARIES).map(([name, summary]) => `  ${name.padEnd(14)}${summary}`),
    '',
    'Commands:',
    '  list          the tools, and whether this kernel can run them',
    '  disasm TOOL   the instructions of a tool, with the lines that they come from',
    '  btf [TYPE]    types of the kernel or of a file, as C, TypeScript or JSON',
    '',
    'beespoke COMMAND --help says more. Tools need root, or CAP_BPF and CAP_PERFMON.',
  ].join('\n');

const main = async ([command, ...args]: readonly string[]): Promise<number> => {
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
  if (Object.hasOwn(COMMANDS, command)) return (await COMMANDS[command]!()).run(args);
  if (Object.hasOwn(SUMMARIES, command)) {
    const { run } = await import('./tool-command.ts');
    return run(command, args);
  }
  throw new UsageError(
    `there is no command ${JSON.stringify(command)}; beespoke --help lists them`,
  );
};

// A reader that goes away, as `head` does, is no failure. Tools end then: see printer.ts.
for (const output of [process.stdout, process.stderr]) {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`beespoke: ${text.split('\n').map(printable).join('\n')}\n`);
  process.exitCode = error === undefined ? FAILED : statusOf(error);
}
