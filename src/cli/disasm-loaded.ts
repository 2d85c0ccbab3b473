/**
 * @module
 * A program that is loaded, as the kernel runs it: after verification, with the accesses and calls that it put in.
 * What `bpftool prog dump xlated` shows.
 */
import {
  type AssembledFunction,
  BPF_CALL,
  BPF_JMP,
  decode,
  type Instruction,
  LDDW,
  type ListingOptions,
  type Subprogram,
  slotsOf,
} from '../asm/index.ts';
import { type Btf, funcInfo, lineInfo } from '../btf/index.ts';
import { symbolAddress, symbolAt } from '../kernel/kallsyms.ts';
import { loadedBtf, loadedById } from '../kernel/loaded.ts';
import {
  BPF_PROG_TYPE,
  closeFd,
  fdById,
  type ProgInfo,
  progInfo,
  progRecords,
  typeName,
} from '../syscall/index.ts';
import type { Listed } from './disasm.ts';

/** The loaded program of this id. Throws when there is none, and when this process may not look at it. */
export const loadedProgram = (id: number): Listed => {
  const fd = fdById('prog', id);
  if (fd === undefined) throw new Error(`there is no program ${id}`);
  try {
    return describe(fd, progInfo(fd));
  } finally {
    closeFd(fd);
  }
};

const describe = (fd: number, info: ProgInfo): Listed => {
  const types = loadedBtf(info.btfId);
  const sites = types ? linesOf(fd, types) : new Map<number, Instruction['site']>();
  const base = symbolAddress('__bpf_call_base') ?? 0n;
  let slot = 0;
  let site: Instruction['site'];
  const instructions = decode(progRecords(fd, 'xlated').bytes).map((instruction) => {
    site = sites.get(slot) ?? site;
    slot += slotsOf(instruction);
    return { ...withNames(instruction, base), ...(site && { site }) };
  });
  if (instructions.length === 0)
    throw new Error(
      `the kernel does not show the instructions of program ${info.id}: it needs CAP_PERFMON (or root), and kernel.kptr_restrict below 2`,
    );
  const options: ListingOptions = {
    name: info.name,
    functions: types ? functionsOf(fd, types) : [],
    labels: true,
    lines: 'text',
    note: mapNames(),
  };
  const head = `${typeName(BPF_PROG_TYPE, info.type)} program ${info.id}`;
  return { name: info.name, section: head, instructions, options };
};

const linesOf = (fd: number, types: Btf): Map<number, Instruction['site']> => {
  const { bytes, recordSize } = progRecords(fd, 'lineInfo');
  return new Map(
    lineInfo
      .decode(bytes, true, recordSize)
      .map(({ insnOffset, fileNameOffset, lineOffset, line, column }) => {
        const text = types.string(lineOffset).trim();
        return [insnOffset, { source: { file: types.string(fileNameOffset), line, column, text } }];
      }),
  );
};

const functionsOf = (fd: number, types: Btf): AssembledFunction[] => {
  const { bytes, recordSize } = progRecords(fd, 'funcInfo');
  return funcInfo.decode(bytes, true, recordSize).map(({ insnOffset: start, typeId }) => {
    const name = types.name(typeId);
    const subprogram: Subprogram = { kind: 'function', name, arity: 0, global: false, body: [] };
    return { subprogram, start, frame: 0 };
  });
};

/** Calls of helpers and of functions of the kernel are distances by now. */
const withNames = (instruction: Instruction, base: bigint): Instruction => {
  const { opcode, src, imm } = instruction;
  if (opcode !== (BPF_JMP | BPF_CALL) || src === 1 || base === 0n) return instruction;
  const name = symbolAt(base + BigInt(imm));
  return name === undefined
    ? instruction
    : { ...instruction, reference: { kind: 'extern', extern: { kind: 'extern', name } } };
};

const MAP_FD = 1;
const MAP_VALUE = 2;

/** The names of maps, of which the instructions hold the ids. */
const mapNames = (): NonNullable<ListingOptions['note']> => {
  const names = new Map<number, string | undefined>();
  return ({ opcode, src, imm64 = 0n }) => {
    if (opcode !== LDDW || (src !== MAP_FD && src !== MAP_VALUE)) return undefined;
    const id = Number(imm64 & 0xffff_ffffn);
    if (!names.has(id)) names.set(id, loadedById('map', id)?.name);
    return names.get(id);
  };
};
