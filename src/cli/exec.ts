/**
 * @module
 * `beespoke exec`: runs a program from its bytes, or from text, and prints what it leaves in r0. The way of
 * bpf_conformance's plugins: the memory in hexadecimal as an argument, the program on stdin, r0 on stdout.
 */
import {
  AssemblerError,
  assemble,
  type Code,
  call,
  codeOf,
  decode,
  exit,
  type Instruction,
  lea,
  mov,
  parse,
  r0,
  r1,
  r2,
  type Subprogram,
  slotCount,
  store,
} from '../asm/index.ts';
import { bytes, u64 } from '../layout/index.ts';
import { arrayMap, object, socketFilter } from '../object/index.ts';
import type { OptionTable } from '../programs/tool.ts';
import { DONE, UsageError } from './errors.ts';
import { helpOf, parseWithRest } from './options.ts';
import { jsonLine, say } from './printer.ts';

const OPTIONS = {
  engine: {
    type: 'text',
    default: 'interpreter',
    placeholder: 'ENGINE',
    help: 'interpreter, wasm or kernel',
  },
  mem: { type: 'text', placeholder: 'HEX', help: 'memory that the program may read and write' },
  json: { type: 'boolean', help: 'one JSON object, with r0 in both notations' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const satisfies OptionTable;

const HELP = [
  'beespoke exec [HEX] [--engine interpreter|wasm|kernel] [--mem HEX] < PROGRAM',
  '',
  'Runs a program from stdin, its bytes in hexadecimal or instructions as text, and prints all 64 bits of r0 in',
  'hexadecimal. The memory, if there is some, is given in hexadecimal as well: r1 is its address and r2 its length, else',
  'both are 0. A file that calls this command is a plugin for bpf_conformance.',
  '',
  'Every engine runs the same: a socket filter that calls the program and keeps its r0 in a map. The kernel runs only what',
  'its verifier accepts, of which r1 points to a map value.',
  '',
  ...helpOf(OPTIONS),
  '',
  'Example:',
  "  echo 'r0 = 6; r0 *= 7; exit' | beespoke exec",
];

export const run = async (args: readonly string[]): Promise<number> => {
  const { given, rest } = parseWithRest(args, OPTIONS);
  if (given.help) {
    process.stdout.write(`${HELP.join('\n')}\n`);
    return DONE;
  }
  const engine = String(given.engine);
  if (!Object.hasOwn(ENGINES, engine))
    throw new UsageError(`--engine is interpreter, wasm or kernel, got ${JSON.stringify(engine)}`);
  // The suite passes its own options as one text, which can be empty.
  const [first, ...more] = rest.filter((word, index) => index === 0 || word !== '');
  if (more.length > 0 || (first && given.mem !== undefined))
    throw new UsageError('the memory is given once, as an argument or with --mem');
  const memory = hexBytes('the memory', String(given.mem ?? first ?? ''));
  const body = programIn(await standardInput());
  const value = await ENGINES[engine]!(memory, body).catch((error: unknown) => {
    throw withoutCaller(error);
  });
  const hex = value.toString(16);
  process.stdout.write(given.json ? `${jsonLine({ r0: value, hex, engine })}\n` : `${hex}\n`);
  return DONE;
};

/** A million instructions, the most that the kernel takes, are a third of it in hexadecimal with spaces. */
const MOST_BYTES = 64 * 1024 ** 2;

const standardInput = async (): Promise<string> => {
  if (process.stdin.isTTY) say('exec: type the program; Ctrl-D ends it');
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MOST_BYTES) throw new Error('a program is no longer than 64 MiB, and stdin is');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
};

const programIn = (text: string): Code => {
  if (text.trim() === '') throw new UsageError('there is no program on stdin');
  return /^[\s0-9a-f]*$/i.test(text)
    ? codeOf(decode(hexBytes('the program', text)))
    : parse(text, { file: 'stdin' });
};

const hexBytes = (what: string, text: string): Uint8Array => {
  const digits = text.replace(/\s+/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits))
    throw new UsageError(
      `${what} is bytes of two hexadecimal digits each, got ${JSON.stringify(text.slice(0, 40))}`,
    );
  return Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
};

/**
 * The program as a function of a socket filter, with its memory in a map, and all of its r0 in another: the kernel's
 * test runs give back 32 bits.
 */
const objectOf = (size: number, body: Code) => {
  const memory = arrayMap(bytes(Math.max(1, size)), { maxEntries: 1 });
  const result = arrayMap(u64, { maxEntries: 1 });
  const program: Subprogram = { kind: 'function', name: 'program', arity: 2, global: false, body };
  const main = socketFilter([
    size > 0 ? lea(r1, memory) : mov(r1, 0),
    mov(r2, size),
    call(program, r1, r2),
    lea(r1, result),
    store(u64.at(r1), r0),
    mov(r0, 0),
    exit(),
  ]);
  return object({ license: 'GPL', maps: { memory, result }, programs: { main } });
};

/** An error of the language, without the name of the program that calls the user's. */
const withoutCaller = (error: unknown): unknown =>
  error instanceof AssemblerError
    ? new Error(error.message.replace(/^socket: (program: )?/, 'the program: '), { cause: error })
    : error;

/** A fault, with the number of the instruction in the user's program, of which there are `own`. */
const inProgram = (error: unknown, instructions: readonly Instruction[], own: number): unknown => {
  if (!(error instanceof Error && error.name === 'SimulationFault')) return error;
  const before = slotCount(instructions.slice(0, instructions.length - own));
  const numbered = error.message.replace(
    /^instruction (\d+)/,
    (_, slot: string) => `instruction ${Number(slot) - before}`,
  );
  return new Error(numbered, { cause: error });
};

type Run = (memory: Uint8Array, body: Code) => Promise<bigint>;

const simulated =
  (engine: 'interpreter' | 'wasm'): Run =>
  async (memory, body) => {
    const { simulate } = await import('../sim/index.ts');
    const { maps, programs } = simulate(objectOf(memory.length, body), { engine });
    if (memory.length > 0) maps.memory.set(0, memory);
    const { instructions } = programs.main;
    try {
      programs.main.run();
    } catch (error) {
      throw inProgram(error, instructions, assemble(body, () => true).instructions.length);
    }
    return maps.result.get(0)!;
  };

/** What a socket filter is run on: at least an Ethernet header. */
const PACKET = new Uint8Array(64);

const inKernel: Run = async (memory, body) => {
  const { loadObject } = await import('../kernel/index.ts');
  using loaded = loadObject(objectOf(memory.length, body));
  const { maps, programs } = loaded;
  if (memory.length > 0) maps.memory.set(0, memory);
  programs.main.testRun({ dataIn: PACKET });
  return maps.result.get(0)!;
};

const ENGINES: Readonly<Record<string, Run>> = {
  interpreter: simulated('interpreter'),
  wasm: simulated('wasm'),
  kernel: inKernel,
};
