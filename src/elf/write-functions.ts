/**
 * The functions of an object as a file has them: programs in the sections that their hooks are called by, the
 * subprograms of all of them in `.text`, each assembled by itself.
 *
 * @module
 */
import {
  assembleFunction,
  type Code,
  type Condition,
  type Instruction,
  type Site,
  SLOT_SIZE,
  type Subprogram,
  slotCount,
  subprogramsOf,
} from '../asm/index.ts';
import {
  type Architecture,
  HOOKS,
  type Hook,
  type ObjectSpec,
  type ProgramSpec,
  relocationOf,
  type TypeInfo,
  variantsOf,
  visitProgram,
} from '../object/index.ts';
import { ElfError } from './error.ts';
import { branchesOf } from './write-branches.ts';
import { type Asker, askCore, type Question, questionOf } from './write-core.ts';

export const TEXT = '.text';

export interface FileFunction {
  readonly name: string;
  readonly section: string;
  /** Whether other files see it: programs, and subprograms that are verified by themselves. */
  readonly global: boolean;
  /** The func in the BTF. */
  readonly typeId: number;
  /** In bytes from the start of its section. */
  readonly start: number;
  readonly size: number;
  /** What is left to a loader: maps, variables, calls, and relocations of CO-RE. */
  readonly instructions: readonly Instruction[];
  /** The functions of the file that its instructions call. */
  readonly callees: ReadonlyMap<Subprogram, FileFunction>;
  readonly site: Site | undefined;
}

export interface FunctionOptions {
  /**
   * Which programs are written. `all`, the default: the first variant of each has its name, the others are `NAME__2`
   * and so on, in sections that begin with `?` as optional programs are, which libbpf loads only when it is told to.
   * `first`: the first variants alone, optional ones like any other, but for those that go with another variant.
   */
  readonly variants?: 'all' | 'first' | undefined;
  /**
   * The processor that the file is for: needed by programs that read arguments out of registers, at kprobes and uprobes.
   * Without them a file is for all.
   */
  readonly architecture?: Architecture | undefined;
}

/**
 * All functions, in the order of the file: those that are loaded by themselves first, since `bpftool prog load` pins
 * the first. Throws ElfError or AssemblerError for what a file cannot say.
 */
export const functionsOf = (
  spec: ObjectSpec,
  types: TypeInfo,
  { variants = 'all', architecture }: FunctionOptions = {},
): readonly FileFunction[] => {
  const functions = new Functions(spec, types, architecture);
  const written = Object.entries(spec.programs).filter(
    ([, entry]) => variants === 'all' || entry.kind !== 'optional' || !entry.unless,
  );
  const entries = written.map(([name, entry]) => {
    const [first, ...others] = variantsOf(entry) as [ProgramSpec, ...ProgramSpec[]];
    const asked = first.autoload === false || (entry.kind === 'optional' && variants === 'all');
    return { name, asked, first, others: variants === 'all' ? others : [] };
  });
  for (const { name, asked, first } of entries)
    if (!asked) functions.addProgram(name, first, false);
  for (const { name, asked, first, others } of entries) {
    if (asked) functions.addProgram(name, first, true);
    for (const program of others) functions.addProgram(functions.unique(name), program, true);
  }
  return functions.all;
};

/** A function whose calls are not followed yet. */
interface Waiting {
  readonly instructions: readonly Instruction[];
  readonly callees: Map<Subprogram, FileFunction>;
  readonly hook: Hook;
}

class Functions {
  readonly all: FileFunction[] = [];
  readonly #types: TypeInfo;
  readonly #given: ReadonlySet<string>;
  readonly #architecture: Architecture | undefined;
  readonly #names: Set<string>;
  readonly #ends = new Map<string, number>();
  /** Subprograms that were written, by what their code depends on. */
  readonly #written = new Map<Subprogram, Map<string, FileFunction>>();
  readonly #waiting: Waiting[] = [];

  constructor(
    { maps, programs }: ObjectSpec,
    types: TypeInfo,
    architecture: Architecture | undefined,
  ) {
    this.#types = types;
    this.#architecture = architecture;
    this.#given = new Set(
      Object.values(maps).flatMap(({ type, otherwise }) => (otherwise ? [type] : [])),
    );
    this.#names = new Set(Object.keys(programs));
  }

  /** A name that no other function has: `name`, `name__2`, `name__3`. */
  unique(name: string): string {
    const [, stem, count] = /^(.*?)(?:__(\d+))?$/.exec(name)!;
    let free = name;
    for (let next = Number(count ?? 1) + 1; this.#names.has(free); next++)
      free = `${stem}__${next}`;
    this.#names.add(free);
    return free;
  }

  addProgram(name: string, { hook, body, site, typeId }: ProgramSpec, asked: boolean): void {
    const id = this.#types.program(name, typeId);
    const section = asked ? `?${hook.section}` : hook.section;
    this.#add({ name, section, global: true, typeId: id, site }, body, hook);
    for (let next = this.#waiting.pop(); next; next = this.#waiting.pop())
      for (const callee of next.instructions.flatMap(subprogramsOf))
        next.callees.set(callee, this.#subprogram(callee, next.hook));
  }

  /** The subprogram for programs at this hook: one for all where it does not matter. */
  #subprogram(subprogram: Subprogram, hook: Hook): FileFunction {
    const versions = this.#written.get(subprogram) ?? new Map<string, FileFunction>();
    this.#written.set(subprogram, versions);
    const key = dependence(subprogram, hook);
    const known = versions.get(key);
    if (known) return known;
    const { global, body, site } = subprogram;
    const name = this.unique(subprogram.name);
    const typeId = this.#types.subprogram({ ...subprogram, name });
    const made = this.#add({ name, section: TEXT, global, typeId, site }, body, hook);
    versions.set(key, made);
    return made;
  }

  #add(
    head: Pick<FileFunction, 'name' | 'section' | 'global' | 'typeId' | 'site'>,
    body: Code,
    hook: Hook,
  ): FileFunction {
    const asker = {
      name: head.name,
      hook,
      types: this.#types,
      architecture: this.#architecture,
      given: this.#given,
    };
    const instructions = assembled(body, asker);
    const start = this.#ends.get(head.section) ?? 0;
    const size = slotCount(instructions) * SLOT_SIZE;
    this.#ends.set(head.section, start + size);
    const callees = new Map<Subprogram, FileFunction>();
    const made = { ...head, start, size, instructions, callees };
    this.all.push(made);
    this.#waiting.push({ instructions, callees, hook });
    return made;
  }
}

const assembled = (body: Code, asker: Asker): readonly Instruction[] => {
  const questions = new Map<Condition, Question>();
  const decide = (condition: Condition): boolean | undefined => {
    const question = questionOf(condition, asker);
    if (typeof question === 'boolean') return question;
    questions.set(condition, question);
    return undefined;
  };
  const { instructions } = assembleFunction(body, decide, (items) =>
    branchesOf(items, (condition) => questions.get(condition)!),
  );
  if (instructions.length === 0) throw new ElfError(`${asker.name} has no instructions`);
  return instructions.map((instruction) => askCore(instruction, asker));
};

/** What a subprogram's code takes from the hook of the program that calls it: '' for nothing. */
const dependence = (subprogram: Subprogram, hook: Hook): string => {
  const subprograms = new Set([subprogram]);
  let key = '';
  // A set takes what is added while it is walked.
  for (const { body } of subprograms) {
    visitProgram({ body, subprograms: [] }, (item) => {
      if (item.kind === 'instruction')
        for (const callee of subprogramsOf(item)) subprograms.add(callee);
      const root = relocationOf(item)?.root;
      const ofHook = root?.kind === 'struct' && root.origin !== 'kernel' && root.origin !== 'local';
      if (ofHook) key = hook.section;
      else if (key === '' && item.kind === 'choice' && item.condition.test === 'trusted')
        key = HOOKS[hook.type].trusted ? 'trusted' : 'untrusted';
    });
  }
  return key;
};
