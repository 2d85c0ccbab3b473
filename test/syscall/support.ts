/** What the tests of this room share: raw instructions, and whether bpf(2) is there at all. */
import {
  BPF_MAP_TYPE,
  BPF_PROG_TYPE,
  closeFd,
  mapCreate,
  type ProgLoadOptions,
  progLoad,
} from '../../src/syscall/index.ts';

/** Why bpf(2) cannot be used here; `undefined` if it can. */
export const noBpf: string | undefined = (() => {
  try {
    closeFd(mapCreate({ type: BPF_MAP_TYPE.BPF_MAP_TYPE_RINGBUF, maxEntries: 65536 }));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
})();

/** The title of tests that need the kernel, with the reason if they are skipped. */
export const kernel = (title: string): string => (noBpf ? `${title} (skipped: ${noBpf})` : title);

/** One instruction of 8 bytes, little-endian: opcode, registers, offset, immediate. */
export const insn = (op: number, dst = 0, src = 0, off = 0, imm = 0): number[] => [
  op,
  (src << 4) | dst,
  off & 0xff,
  (off >> 8) & 0xff,
  imm & 0xff,
  (imm >> 8) & 0xff,
  (imm >> 16) & 0xff,
  (imm >>> 24) & 0xff,
];

/** r0 = value; exit */
export const returns = (value: number): Uint8Array =>
  Uint8Array.from([...insn(0xb7, 0, 0, 0, value), ...insn(0x95)]);

/** register = map */
export const loadMap = (dst: number, fd: number): number[] => [
  ...insn(0x18, dst, 1, 0, fd),
  ...insn(0),
];

export const socketFilter = (insns: Uint8Array, more: Partial<ProgLoadOptions> = {}) =>
  progLoad({
    type: BPF_PROG_TYPE.BPF_PROG_TYPE_SOCKET_FILTER,
    insns,
    license: 'GPL',
    ...more,
  });

/** Puts the eight bytes of 0x01234567 into a ring buffer: r0 = ringbuf_output(...). */
export const ringOutput = (ringFd: number): Uint8Array =>
  Uint8Array.from([
    ...insn(0x7a, 10, 0, -8, 0x01234567), // *(u64 *)(r10 - 8) = 0x01234567
    ...loadMap(1, ringFd),
    ...insn(0xbf, 2, 10), // r2 = r10
    ...insn(0x07, 2, 0, 0, -8), // r2 += -8
    ...insn(0xb7, 3, 0, 0, 8), // r3 = 8
    ...insn(0xb7, 4, 0, 0, 0), // r4 = 0
    ...insn(0x85, 0, 0, 0, 130), // call bpf_ringbuf_output
    ...insn(0x95),
  ]);

export const u32 = (...values: number[]): Uint8Array =>
  new Uint8Array(Uint32Array.from(values).buffer);
export const u64 = (...values: bigint[]): Uint8Array =>
  new Uint8Array(BigUint64Array.from(values).buffer);

/** Runs and closes what was opened, whatever happens. */
export function withFds<T>(run: (own: (fd: number) => number) => T): T {
  const fds: number[] = [];
  try {
    return run((fd) => {
      fds.push(fd);
      return fd;
    });
  } finally {
    for (const fd of fds.reverse()) closeFd(fd);
  }
}

/** The error that a function throws. */
export function thrownBy<E extends Error>(run: () => unknown): E {
  try {
    run();
  } catch (error) {
    return error as E;
  }
  throw new Error('expected it to throw');
}
