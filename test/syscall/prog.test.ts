import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { describe, expect, it } from 'vitest';
import {
  BPF_MAP_TYPE,
  BPF_PROG_TYPE,
  type BpfError,
  btfData,
  btfInfo,
  btfLoad,
  enableStats,
  fdById,
  mapCreate,
  mapInfo,
  progBindMap,
  progInfo,
  progLoad,
  progRecords,
  progTestRun,
  progXlated,
} from '../../src/syscall/index.ts';
import {
  insn,
  kernel,
  loadMap,
  noBpf,
  returns,
  socketFilter,
  thrownBy,
  u32,
  withFds,
} from './support.ts';

const text = (strings: string) => [...new TextEncoder().encode(strings)];

/** BTF by hand: [1] int, [2] func_proto () -> int, [3] func "f". */
const BTF = (() => {
  const strings = text('\0int\0f\0');
  const types = [
    ...u32(1, 1 << 24, 4, (1 << 24) | 32), // INT 'int' signed, 32 bits
    ...u32(0, 13 << 24, 1), // FUNC_PROTO returns [1]
    ...u32(5, 12 << 24, 2), // FUNC 'f' static, type [2]
  ];
  const header = [0x9f, 0xeb, 1, 0, ...u32(24, 0, types.length, types.length, strings.length)];
  return Uint8Array.from([...header, ...types, ...strings]);
})();

describe.skipIf(noBpf)(kernel('a program in the kernel'), () => {
  it('is loaded from raw bytes and runs', () =>
    withFds((own) => {
      const fd = own(socketFilter(returns(42)).fd);
      const result = progTestRun(fd, { dataIn: new Uint8Array(64) });
      expect(result.returnValue).toBe(42);
      expect(result.dataOut.length).toBe(0);
    }));

  it('is loaded while a profiler sends signals, which come as before afterwards', async () => {
    const blocked = () =>
      /^SigBlk:\s*(\w+)$/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))?.[1];
    const before = blocked();
    const profiler = new Session();
    profiler.connect();
    try {
      await profiler.post('Profiler.enable');
      await profiler.post('Profiler.setSamplingInterval', { interval: 100 });
      await profiler.post('Profiler.start');
      // Verified for some milliseconds: without care it is not loaded in five attempts.
      const adds = Array.from({ length: 50_000 }, () => insn(0x07, 0, 0, 0, 1)).flat();
      withFds((own) => {
        const insns = Uint8Array.from([...insn(0xb7), ...adds, ...insn(0x95)]);
        const fd = own(socketFilter(insns).fd);
        expect(progTestRun(fd, { dataIn: new Uint8Array(64) }).returnValue).toBe(50_000);
      });
      await profiler.post('Profiler.stop');
    } finally {
      profiler.disconnect();
    }
    expect(blocked()).toBe(before);
  });

  it('gives its data back, and runs as often as it is told', () =>
    withFds((own) => {
      const { fd } = socketFilter(returns(-1));
      own(fd);
      const dataIn = Uint8Array.from({ length: 64 }, (_, i) => i);
      const result = progTestRun(fd, { dataIn, dataOutSize: 128, repeat: 100 });
      expect(result.returnValue).toBe(0xffff_ffff);
      expect(result.dataOut.length).toBe(64);
      expect(result.dataOut.at(-1)).toBe(63);
    }));

  it('describes itself', () =>
    withFds((own) => {
      const map = own(
        mapCreate({
          type: BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY,
          keySize: 4,
          valueSize: 8,
          maxEntries: 1,
        }),
      );
      const insns = Uint8Array.from([...loadMap(1, map), ...returns(0)]);
      const fd = own(socketFilter(insns, { name: 'test_filter' }).fd);
      const info = progInfo(fd);
      expect(info).toMatchObject({
        type: BPF_PROG_TYPE.BPF_PROG_TYPE_SOCKET_FILTER,
        name: 'test_filter',
        gplCompatible: true,
        mapIds: [mapInfo(map).id],
        createdByUid: process.getuid?.(),
        btfId: 0,
        recursionMisses: 0n,
        verifiedInsns: 3,
      });
      expect(info.tag).toMatch(/^[0-9a-f]{16}$/);
      expect(info.loadTime).toBeGreaterThan(0n);
      expect(info.xlatedLength % 8).toBe(0);

      const again = own(fdById('prog', info.id)!);
      expect(progInfo(again).id).toBe(info.id);
    }));

  it('shows its instructions after verification', () =>
    withFds((own) => {
      const fd = own(socketFilter(returns(7)).fd);
      expect([...progXlated(fd)]).toEqual([...insn(0xb7, 0, 0, 0, 7), ...insn(0x95)]);
      expect(progRecords(fd, 'mapIds').bytes.length).toBe(0);
    }));

  it('keeps a map that is bound to it', () =>
    withFds((own) => {
      const fd = own(socketFilter(returns(0)).fd);
      const type = BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY;
      const map = own(mapCreate({ type, keySize: 4, valueSize: 8, maxEntries: 1 }));
      progBindMap(fd, map);
      expect(progInfo(fd).mapIds).toEqual([mapInfo(map).id]);
    }));

  it('carries the BTF and the functions that it was loaded with', () =>
    withFds((own) => {
      const btf = own(btfLoad(BTF));
      expect(btfInfo(btf)).toMatchObject({ size: BTF.length, name: '', kernel: false });
      expect(Buffer.compare(btfData(btf), BTF)).toBe(0);
      const funcInfo = { bytes: u32(0, 3), recordSize: 8 };
      const lineInfo = { bytes: u32(0, 1, 1, (12 << 10) | 3), recordSize: 16 };
      const fd = own(socketFilter(returns(0), { btfFd: btf, funcInfo, lineInfo }).fd);
      expect(progInfo(fd).btfId).toBe(btfInfo(btf).id);
      expect(progRecords(fd, 'funcInfo')).toMatchObject({ bytes: funcInfo.bytes, recordSize: 8 });
      expect(progRecords(fd, 'lineInfo')).toMatchObject({ bytes: lineInfo.bytes, recordSize: 16 });
    }));

  it('is counted while someone asks for it', () =>
    withFds((own) => {
      const fd = own(socketFilter(returns(0)).fd);
      own(enableStats());
      progTestRun(fd, { dataIn: new Uint8Array(64), repeat: 3 });
      // A test run of a socket filter is not counted on every kernel: only that it is told.
      expect(typeof progInfo(fd).runCount).toBe('bigint');
      expect(typeof progInfo(fd).runTimeNs).toBe('bigint');
    }));

  it('returns the log of an accepted program', () =>
    withFds((own) => {
      const { fd, log, logTrueSize } = socketFilter(returns(0), { logSize: 65536, logLevel: 4 });
      own(fd);
      expect(log).toContain('processed 2 insns');
      expect(logTrueSize === undefined || logTrueSize === log.length + 1).toBe(true);
    }));

  it('is refused with the log and the last word of the verifier', () => {
    const noExit = Uint8Array.from(insn(0xb7, 0, 0, 0, 1));
    const error = thrownBy<BpfError>(() =>
      socketFilter(noExit, { logSize: 65536, name: 'broken' }),
    );
    expect(error).toMatchObject({ command: 'BPF_PROG_LOAD', code: 'EINVAL' });
    expect(error.log).toContain('last insn is not an exit or jmp');
    expect(error.message).toBe(
      "cannot load the socket_filter program 'broken': EINVAL (invalid argument). " +
        'The kernel says: last insn is not an exit or jmp',
    );
  });

  it('is refused without a log when none was asked for', () => {
    const error = thrownBy<BpfError>(() => socketFilter(Uint8Array.from(insn(0xb7))));
    expect(error.log).toBeUndefined();
    expect(error.message).toContain('Without a log there is no reason');
  });

  it('says how large the log would have been', () => {
    const many = Array.from({ length: 100 }, () => insn(0xb7, 0, 0, 0, 1)).flat();
    const load = () =>
      socketFilter(Uint8Array.from([...many, ...insn(0x95)]), { logSize: 128, logLevel: 2 });
    const error = thrownBy<BpfError>(load);
    expect(error.code).toBe('ENOSPC');
    expect(error.logTrueSize === undefined || error.logTrueSize > 1000).toBe(true);
    expect(error.message).toContain('pass a larger one');
  });

  it('is refused before the kernel is asked when its bytes are no instructions', () => {
    const options = { type: 1, license: 'GPL' };
    expect(() => progLoad({ ...options, insns: new Uint8Array(9) })).toThrow('8 bytes each, got 9');
    const funcInfo = { bytes: new Uint8Array(9), recordSize: 8 };
    expect(() => progLoad({ ...options, insns: returns(0), funcInfo })).toThrow(RangeError);
  });
});

describe.skipIf(noBpf)(kernel('BTF that the kernel refuses'), () => {
  it('comes with its log', () => {
    const broken = BTF.slice();
    broken[24] = 99; // the name of the int is behind the strings
    const error = thrownBy<BpfError>(() => btfLoad(broken, { logSize: 4096 }));
    expect(error).toMatchObject({ command: 'BPF_BTF_LOAD', code: 'EINVAL' });
    expect(error.log).toContain('Invalid name_offset:99');
    expect(error.message).toContain('The kernel says: ');
  });
});
