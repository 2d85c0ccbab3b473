/**
 * @module
 * Where the address of a load comes from. The kernel turns loads through its own pointers into loads that cannot fail:
 * where nothing is they give 0 (PROBE_MEM). Its verifier knows those by their types; here the code before tells.
 */
import { BPF_CALL, BPF_JMP, BPF_LDX, classOf, helperById, isJumpClass } from '../asm/index.ts';
import type { MachineCode } from './code.ts';

/** Moves between registers. */
const MOVE = 0xbf;
const FRAME_POINTER = 10;

/**
 * Whether the address that an instruction loads from was itself loaded from an object of the kernel, or is one that a
 * helper gave. `trusted`: the hook's arguments are such objects.
 */
export const followsKernelPointer = (
  { instructions }: MachineCode,
  index: number,
  trusted: boolean,
): boolean => {
  let register = instructions[index]!.src;
  for (let at = index - 1; at >= 0; at--) {
    const { opcode, dst, src, imm } = instructions[at]!;
    const kind = classOf(opcode);
    if (opcode === (BPF_JMP | BPF_CALL)) {
      if (register > 5) continue;
      const returns = register === 0 && src === 0 ? helperById(imm)?.returns : undefined;
      return returns?.startsWith('btf_') === true;
    }
    if (isJumpClass(opcode) || dst !== register || kind === 2 || kind === 3) continue;
    if (opcode === MOVE) {
      register = src;
      continue;
    }
    // A pointer that was loaded: from the context, or from an object that a helper may have given.
    if (kind === BPF_LDX) {
      if (trusted || src === FRAME_POINTER) return trusted && src !== FRAME_POINTER;
      register = src;
    }
    // Arithmetic on it leaves it what it is.
  }
  return false;
};
