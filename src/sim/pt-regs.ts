/**
 * @module
 * `struct pt_regs` of x86-64 (arch/x86/include/uapi/asm/ptrace.h), the context of kprobes and uprobes.
 */
import type { Mock, MockValue } from './kernel-memory.ts';

// biome-ignore format: in the order of the struct
const NAMES = [
  'r15', 'r14', 'r13', 'r12', 'bp', 'bx', 'r11', 'r10', 'r9', 'r8', 'ax', 'cx', 'dx', 'si', 'di', 'orig_ax', 'ip', 'cs',
  'flags', 'sp', 'ss',
];
/** The registers of the first arguments of a function. */
const ARGUMENTS = ['di', 'si', 'dx', 'cx', 'r8', 'r9'];

/**
 * The bytes of the registers: by their names, the arguments of the function in `args`, its result in `retval`.
 */
export const registersOf = (given: Mock, word: (value: MockValue) => bigint): Uint8Array => {
  const bytes = new Uint8Array(8 * NAMES.length);
  const view = new DataView(bytes.buffer);
  const set = (name: string, value: MockValue): void => {
    const index = NAMES.indexOf(name);
    if (index < 0)
      throw new TypeError(`there is no register ${name}: ${NAMES.join(', ')}, args, retval`);
    view.setBigUint64(8 * index, BigInt.asUintN(64, word(value)), true);
  };
  for (const [name, value] of Object.entries(given)) {
    if (name === 'retval') set('ax', value);
    else if (name !== 'args') set(name, value);
    else
      (value as readonly MockValue[]).forEach((each, index) => {
        set(ARGUMENTS[index] ?? `argument ${index}`, each);
      });
  }
  return bytes;
};
