/**
 * @module
 * Random programs (test/asm/generator.ts) on the kernel, the interpreter and the compiler to WebAssembly: all must
 * leave in registers and memory what the generator says, which computes it by itself.
 */
import { assemble, type Instruction, listing } from '../../src/asm/index.ts';
import { type ProgramSpec, tc } from '../../src/object/index.ts';
import { type SimulatedArray, simulate } from '../../src/sim/index.ts';
import { type RandomProgram, randomProgram, shared, VALUE_SIZE } from '../asm/generator.ts';
import { readArray, run, tooComplex, withArray, withProgram, writeArray } from '../asm/kernel.ts';
import { ENGINES } from './engines.ts';

export interface DifferentialOptions {
  /** The number of the first program, and how many. */
  readonly first: number;
  readonly count: number;
  /** Whether to ask the kernel too, and whether it knows load_acquire and store_release. */
  readonly kernel: boolean;
  readonly acquire: boolean;
}

export interface Outcome {
  /** How many programs the kernel took; where it was not asked, all that came to the same. */
  readonly accepted: number;
  /** The numbers of those that have too many ways through them for it. */
  readonly complex: readonly number[];
  /** What is wrong: one for each program, with its number and its listing. */
  readonly differences: readonly string[];
  /** The instructions that one engine has executed. */
  readonly instructions: number;
}

/** What a program has come to. */
interface Result {
  readonly who: string;
  /** The map's value. */
  readonly memory: Uint8Array;
  /** r0; of the kernel its lower half. */
  readonly value: bigint;
}

export const differential = (options: DifferentialOptions): Outcome => {
  const { first, count, kernel, acquire } = options;
  const complex: number[] = [];
  const differences: string[] = [];
  let [accepted, instructions] = [0, 0];
  const all = (mapFd?: number): void => {
    for (let seed = first; seed < first + count; seed++) {
      const program = randomProgram(seed, acquire);
      try {
        const answer = compare(program, mapFd);
        instructions += answer.executed;
        if (answer.complex) complex.push(seed);
        else accepted++;
      } catch (error) {
        const lines = listing(assemble(program.body, () => true).instructions, { lines: false });
        differences.push(`program ${seed}: ${(error as Error).message}\n${lines.join('\n')}`);
      }
    }
  };
  if (kernel) withArray(VALUE_SIZE, all);
  else all();
  return { accepted, complex, differences, instructions };
};

/** Throws where someone comes to something else. */
const compare = (program: RandomProgram, mapFd: number | undefined) => {
  const spec = tc(program.body);
  const [interpreted, compiled] = ENGINES.map((engine) => simulated(program, spec, engine));
  const { executed, instructions } = interpreted!;
  check(program, interpreted!);
  check(program, compiled!);
  if (executed !== compiled!.executed)
    throw new Error(`${executed} and ${compiled!.executed} instructions are executed`);
  const judged = mapFd === undefined ? undefined : onKernel(program, instructions, mapFd);
  if (judged) check(program, judged);
  return { executed, complex: mapFd !== undefined && !judged };
};

const simulated = (
  { before }: RandomProgram,
  spec: ProgramSpec,
  engine: (typeof ENGINES)[number],
) => {
  const { maps, programs } = simulate(spec, { engine });
  const map = maps.map0 as unknown as SimulatedArray<Uint8Array, Uint8Array>;
  map.set(0, before);
  const { value, unwritten, instructions: executed } = programs.program.run();
  if (unwritten.length > 0) throw new Error(`stack is read that nothing has written: ${unwritten}`);
  const { instructions } = programs.program;
  return { who: engine, memory: map.get(0)!, value, executed, instructions };
};

/** The kernel's result; undefined where a program has too many ways through it. */
const onKernel = (
  { before }: RandomProgram,
  instructions: readonly Instruction[],
  mapFd: number,
): Result | undefined => {
  const assembly = { instructions, functions: [], slots: 0 };
  const loading = { maps: new Map([[shared, mapFd]]) };
  try {
    return withProgram(assembly, loading, ({ fd }) => {
      writeArray(mapFd, before);
      const value = BigInt(run(fd));
      return { who: 'kernel', memory: new Uint8Array(readArray(mapFd, VALUE_SIZE).buffer), value };
    });
  } catch (error) {
    if (tooComplex(assembly, loading)) return undefined;
    throw error;
  }
};

/** Throws where a result is not the generator's. */
const check = ({ after, value: expected }: RandomProgram, { who, memory, value }: Result): void => {
  const known = who === 'kernel' ? BigInt.asUintN(32, expected) : expected;
  if (value !== known)
    throw new Error(`${who}: r0 is 0x${value.toString(16)}, not 0x${known.toString(16)}`);
  if (Buffer.compare(memory, after) !== 0)
    throw new Error(`${who}: memory is\n${hex(memory)}, not\n${hex(after)}`);
};

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/(.{16})(?=.)/g, '$1 ');
