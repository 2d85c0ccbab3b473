/** A congestion control of TCP in programs, from the corpus: for tests of struct_ops, and for checks on other kernels. */
import { readFileSync } from 'node:fs';
import { readObject } from '../../src/elf/index.ts';
import { u32 } from '../../src/index.ts';
import { type AnyMapSpec, layoutOf, type ObjectSpec } from '../../src/object/index.ts';
import { objectFile } from '../objects/judge.ts';

/** The congestion controls that sockets can have. */
const LIST = '/proc/sys/net/ipv4/tcp_available_congestion_control';
export const available = () => readFileSync(LIST, 'utf8').trim().split(' ');

const FUNCTIONS = {
  init: 'corpus_init',
  ssthresh: 'corpus_ssthresh',
  cong_avoid: 'corpus_cong_avoid',
  undo_cwnd: 'corpus_undo_cwnd',
};

/** test/objects/src/struct-ops.c: its functions, and a map that refers to them. */
export const corpus = (
  more: Partial<AnyMapSpec> = {},
  put?: (value: Uint8Array) => void,
): ObjectSpec => {
  const file = readObject(readFileSync(objectFile('struct-ops')));
  const types = file.types!;
  const id = types.findByName('tcp_congestion_ops', 'struct')!;
  const struct = types.type(id);
  if (struct.kind !== 'struct') throw new Error('expected a struct');
  const value = new Uint8Array(types.sizeOf(id));
  const name = struct.members.find((member) => member.name === 'name')!;
  value.set(new TextEncoder().encode('corpus_cc'), name.bitOffset / 8);
  put?.(value);
  const corpus_cc: AnyMapSpec = {
    kind: 'map',
    type: 'struct_ops',
    key: u32,
    value: layoutOf(types, id),
    maxEntries: 1,
    flags: 0,
    extra: 0,
    bufferSize: 0,
    typeIds: { key: 0, value: id },
    initial: [value],
    operations: FUNCTIONS,
    ...more,
  };
  return { ...file, maps: { corpus_cc } };
};
/** Its functions. */
export const programs = Object.values(FUNCTIONS);
