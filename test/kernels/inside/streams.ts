/**
 * What programs write to their streams, which the kernel keeps for whoever has the program (Linux 6.17).
 */
import { constants } from 'node:os';
import {
  add,
  call,
  chars,
  either,
  exit,
  globals,
  i32,
  kfunc,
  kfuncExists,
  lea,
  mov,
  object,
  pointer,
  r1,
  r2,
  r3,
  r4,
  r5,
  r10,
  socketFilter,
  store,
  struct,
  u8,
  u32,
  u64,
} from '../../../src/index.ts';
import { loadObject } from '../../../src/kernel/index.ts';
import { needs, same, Unsupported } from './check.ts';

const printed = kfunc('bpf_stream_vprintk', [i32, pointer(u8), pointer(), u32], { returns: i32 });
/** As it was called before Linux 7.0, with an argument that the verifier fills in. */
const printedOld = kfunc('bpf_stream_vprintk_impl', [i32, pointer(u8), pointer(), u32, pointer()], {
  returns: i32,
});

/** BPF_STDOUT of `enum bpf_stream_id`. */
const STDOUT = 1;

/** A program writes a number, and its stream has it once. */
export const streams = (): string => {
  needs('6.17');
  const format = globals(struct('format', { text: chars(16) }), {
    readonly: true,
    initial: { text: 'seven is %d\n' },
  });
  using loaded = loadObject(
    object({
      license: 'GPL',
      maps: { format },
      programs: {
        program: socketFilter([
          store(u64.at(r10, -8), 7),
          mov(r1, STDOUT),
          lea(r2, format),
          mov(r3, r10),
          add(r3, -8),
          mov(r4, 8),
          either(kfuncExists(printed), call(printed, r1, r2, r3, r4), [
            mov(r5, 0),
            call(printedOld, r1, r2, r3, r4, r5),
          ]),
          exit(),
        ]),
      },
    }),
  );
  const { program } = loaded.programs;
  const { returnValue } = program.testRun({ dataIn: new Uint8Array(14) });
  if ((returnValue | 0) === -constants.errno.ENOMEM)
    throw new Unsupported('the kernel has no memory for them (ENOMEM)');
  same('what it returns', returnValue, 0);
  same('stdout', program.readStream('stdout'), 'seven is 7\n');
  same('stdout, read again', program.readStream('stdout'), '');
  same('stderr', program.readStream('stderr'), '');
  return 'stdout';
};
