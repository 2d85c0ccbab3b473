/**
 * @module
 * The instructions of a loaded program, as `disasm --id` lists them, or its machine code.
 */
import { symbolAt } from '../kernel/kallsyms.ts';
import type { LoadedProgram } from '../kernel/loaded.ts';
import { closeFd, fdById, progRecords } from '../syscall/index.ts';
import { asText, inJson } from './disasm.ts';
import { loadedProgram } from './disasm-loaded.ts';
import { DONE, UsageError } from './errors.ts';
import type { Given } from './options.ts';
import { writeWhole } from './output-file.ts';
import { printable } from './printable.ts';
import { jsonLine, Printer } from './printer.ts';

export const DUMP_OPTIONS = {
  jited: { type: 'boolean', help: 'dump prog: the machine code, in place of the instructions' },
  output: {
    type: 'text',
    short: 'o',
    placeholder: 'FILE',
    help: 'dump prog: the bytes into a file, for objdump -D -b binary and its like',
  },
} as const;

/** Prints a program, or writes its bytes to a file. */
export const dumpProgram = async (
  { id }: LoadedProgram,
  { jited, output, json }: Given,
): Promise<number> => {
  if (typeof output === 'string') {
    if (json) throw new UsageError('--output writes bytes, and --json prints: give one of them');
    writeWhole(output, bytesOf(id, jited ? 'jited' : 'xlated'));
    return DONE;
  }
  const printer = new Printer(() => undefined);
  if (jited) await printer.lines(machineCode(id).flatMap(json ? jsonLine : blockOf));
  else {
    const program = loadedProgram(id);
    await printer.lines((json ? inJson(program) : asText(program)).map(printable));
  }
  return DONE;
};

/** What the kernel shows of a program. Throws when that is nothing. */
const bytesOf = (id: number, which: 'jited' | 'xlated'): Uint8Array => {
  const { bytes } = recordsOf(id, which);
  if (bytes.length > 0) return bytes;
  throw new Error(
    `the kernel does not show the ${which === 'jited' ? 'machine code' : 'instructions'} of program ${id}: it needs CAP_PERFMON (or root), and kernel.kptr_restrict below 2${which === 'jited' ? ', and has none with net.core.bpf_jit_enable=0' : ''}`,
  );
};

const recordsOf = (id: number, which: Parameters<typeof progRecords>[1]) => {
  const fd = fdById('prog', id);
  if (fd === undefined) throw new Error(`there is no program ${id}`);
  try {
    return progRecords(fd, which);
  } finally {
    closeFd(fd);
  }
};

/** The machine code of one function of a program. */
interface Block {
  readonly name: string;
  /** Hexadecimal. */
  readonly address: string;
  readonly bytes: string;
}

const machineCode = (id: number): Block[] => {
  const bytes = bytesOf(id, 'jited');
  const view = (records: Uint8Array) =>
    new DataView(records.buffer, records.byteOffset, records.byteLength);
  const lengths = view(recordsOf(id, 'jitedLengths').bytes);
  const symbols = view(recordsOf(id, 'jitedSymbols').bytes);
  const count = lengths.byteLength / 4;
  let at = 0;
  return Array.from({ length: count }, (_, index) => {
    const length = lengths.getUint32(index * 4, true);
    const address = index * 8 < symbols.byteLength ? symbols.getBigUint64(index * 8, true) : 0n;
    const block = bytes.subarray(at, at + length);
    at += length;
    return {
      name: (address !== 0n && symbolAt(address)) || `function ${index}`,
      address: address.toString(16).padStart(16, '0'),
      bytes: Buffer.from(block).toString('hex'),
    };
  });
};

/** Sixteen bytes a line. */
const blockOf = ({ name, address, bytes }: Block): string[] => [
  `${address} ${name}:`,
  ...(bytes.match(/.{1,32}/g) ?? []).map(
    (line, index) => `${(index * 16).toString(16).padStart(6)}: ${line.match(/../g)!.join(' ')}`,
  ),
  '',
];
