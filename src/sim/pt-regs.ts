/**
 * @module
 * The registers that kprobes and uprobes have for their context: `struct pt_regs` of x86-64
 * (arch/x86/include/uapi/asm/ptrace.h), `struct user_pt_regs` of arm64 (arch/arm64/include/uapi/asm/ptrace.h).
 */
import type { Architecture } from '../object/index.ts';
import type { Mock, MockValue } from './kernel-memory.ts';

interface Registers {
  /** In the order of the struct, eight bytes each. */
  readonly names: readonly string[];
  /** The registers of the first arguments of a function, and of its result. */
  readonly args: readonly string[];
  readonly result: string;
  /** The registers of the arguments of a system call. */
  readonly call: readonly string[];
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, n) => `x${n}`);

const REGISTERS: Readonly<Record<Architecture, Registers>> = /* @__PURE__ */ Object.freeze({
  'x86-64': {
    // biome-ignore format: in the order of the struct
    names: [
      'r15', 'r14', 'r13', 'r12', 'bp', 'bx', 'r11', 'r10', 'r9', 'r8', 'ax', 'cx', 'dx', 'si', 'di', 'orig_ax', 'ip',
      'cs', 'flags', 'sp', 'ss',
    ],
    args: ['di', 'si', 'dx', 'cx', 'r8', 'r9'],
    result: 'ax',
    call: ['di', 'si', 'dx', 'r10', 'r8', 'r9'],
  },
  arm64: {
    names: [...numbered(31), 'sp', 'pc', 'pstate'],
    args: numbered(8),
    result: 'x0',
    call: numbered(6),
  },
});

/**
 * The bytes of the registers: by their names, the arguments of the function in `args`, its result in `retval`. `of` says
 * what the arguments are of.
 */
export const registersOf = (
  given: Mock,
  architecture: Architecture,
  word: (value: MockValue) => bigint,
  of: 'args' | 'call' = 'args',
): Uint8Array => {
  const { names, [of]: args, result } = REGISTERS[architecture];
  const bytes = new Uint8Array(8 * names.length);
  const view = new DataView(bytes.buffer);
  const set = (name: string, value: MockValue): void => {
    const index = names.indexOf(name);
    if (index < 0)
      throw new TypeError(`there is no register ${name}: ${names.join(', ')}, args, retval`);
    view.setBigUint64(8 * index, BigInt.asUintN(64, word(value)), true);
  };
  for (const [name, value] of Object.entries(given)) {
    if (name === 'retval') set(result, value);
    else if (name !== 'args') set(name, value);
    else
      (value as readonly MockValue[]).forEach((each, index) => {
        set(args[index] ?? `argument ${index}`, each);
      });
  }
  return bytes;
};
