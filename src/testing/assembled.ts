/**
 * @module
 * What programs come to before any kernel sees them: their instructions, and the stack that they need.
 */
import {
  type Assembly,
  assemble,
  classOf,
  type Instruction,
  slotsOf,
  subprogramsOf,
} from '../asm/index.ts';
import {
  HOOKS,
  type ObjectSpec,
  type ProgramEntry,
  type ProgramSpec,
  variantsOf,
} from '../object/index.ts';

/** One way in which a program can be assembled: `handleExit (tp_btf/sched_process_exit)`. */
export interface Assembled {
  readonly name: string;
  readonly spec: ProgramSpec;
  readonly assembly: Assembly;
}

/** The programs of an object or an entry, each of their variants, with every `either` decided both ways. */
export const assembledOf = (spec: ObjectSpec | ProgramEntry): readonly Assembled[] => {
  const entries =
    spec.kind === 'object' ? Object.entries(spec.programs) : [['program', spec] as const];
  return entries.flatMap(([name, entry]) =>
    variantsOf(entry).flatMap((spec) =>
      [true, false].map((yes) => ({
        name: `${name} (${spec.hook.section})`,
        spec,
        // Whether pointers may be followed is known from the hook.
        assembly: assemble(spec.body, ({ test }) =>
          test === 'trusted' ? HOOKS[spec.hook.type].trusted : yes,
        ),
      })),
    ),
  );
};

/** 8-byte slots, and the bytes of stack along the deepest chain of calls. */
export const sizeOf = ({ instructions, functions, slots }: Assembly) => {
  const bodies = new Map(functions.map(({ subprogram }) => [subprogram, [] as Instruction[]]));
  let slot = 0;
  let current = -1;
  for (const instruction of instructions) {
    if (functions[current + 1]?.start === slot) current++;
    bodies.get(functions[current]?.subprogram)?.push(instruction);
    slot += slotsOf(instruction);
  }
  const depth = (
    of: (typeof functions)[number]['subprogram'],
    above: readonly unknown[],
  ): number => {
    const body = bodies.get(of) ?? [];
    const callees = body.flatMap(subprogramsOf).filter((callee) => !above.includes(callee));
    return (
      frameOf(body) + Math.max(0, ...callees.map((callee) => depth(callee, [...above, callee])))
    );
  };
  return { instructions: slots, stack: depth(undefined, []) };
};

/** How far below r10 a function reaches: by loads and stores, and by addresses that it makes of r10. */
const frameOf = (body: readonly Instruction[]): number =>
  body.reduce((deepest, { opcode, dst, src, offset, imm }, index) => {
    const kind = classOf(opcode);
    if (kind < 4) return (kind === 1 ? src : dst) === 10 ? Math.max(deepest, -offset) : deepest;
    const before = body[index - 1];
    const ofFrame =
      opcode === ADD && before?.opcode === MOV && before.src === 10 && before.dst === dst;
    return ofFrame ? Math.max(deepest, -imm) : deepest;
  }, 0);

/** `r2 += -8` and `r2 = r10`. */
const ADD = 0x07;
const MOV = 0xbf;
