/** A program with a forgotten null check, loaded: prints the error. Run by verifier-error.test.ts with tsx. */
import {
  call,
  exit,
  hash,
  helper,
  load,
  mov,
  object,
  r0,
  r1,
  socketFilter,
  stack,
  store,
  u32,
  u64,
} from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';

const starts = hash(u32, u64);
const key = stack(u32);
const program = socketFilter([
  store(key, 1),
  call(helper.map_lookup_elem, starts, key),
  load(r1, u64.at(r0)), // here
  mov(r0, 0),
  exit(),
]);
try {
  loadObject(object({ license: 'GPL', maps: { starts }, programs: { program } })).close();
} catch (error) {
  console.log((error as Error).message);
}
