/**
 * @module
 * A run in the kernel, of what the simulator takes as well (BPF_PROG_TEST_RUN).
 */
import type { Program } from '../kernel/index.ts';
import { HOOKS, RequirementError } from '../object/index.ts';
import type { GivenContext } from '../sim/index.ts';
import { BPF_PROG_TYPE } from '../syscall/index.ts';
import type { BenchResult } from './bench.ts';

/** Room for what a program adds to a packet. */
const GROWTH = 256;

export const runInKernel = (program: Program, given: GivenContext): BenchResult => {
  const { returnValue, dataOut } = isRaw(program)
    ? program.testRun({ contextIn: argumentsOf(program, given) })
    : testPacket(program, packetOf(program, given));
  return { returnValue: returnValue | 0, packet: isRaw(program) ? undefined : dataOut };
};

const testPacket = (program: Program, dataIn: Uint8Array) =>
  program.testRun({ dataIn, dataOutSize: dataIn.length + GROWTH });

const isRaw = ({ spec }: Program): boolean =>
  HOOKS[spec.hook.type].program === BPF_PROG_TYPE.BPF_PROG_TYPE_RAW_TRACEPOINT;

/** Numbers only: the kernel's objects are its own. */
const argumentsOf = ({ name }: Program, given: GivenContext): Uint8Array => {
  if (given instanceof Uint8Array) return given;
  const values = Array.isArray(given) ? given : Object.values(given ?? {});
  const words = values.map((value) => {
    if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
      return BigInt.asUintN(64, BigInt(value));
    throw new RequirementError(
      `cannot run ${name} in the kernel: an argument is an object, which only the simulator can make`,
    );
  });
  return new Uint8Array(BigUint64Array.from(words).buffer);
};

/** As the simulator takes it: bytes, or `{ packet }`; other fields of the context are the kernel's. */
const packetOf = ({ name, spec }: Program, given: GivenContext): Uint8Array => {
  const packet = given instanceof Uint8Array ? given : (given as { packet?: unknown })?.packet;
  if (packet instanceof Uint8Array) return packet;
  throw new RequirementError(
    `cannot run ${name} in the kernel: it runs no ${spec.hook.type} programs for tests, but those of packets and raw tracepoints`,
  );
};
