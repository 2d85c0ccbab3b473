import { describe, expect, it } from 'vitest';
import {
  add,
  call,
  exit,
  gotox,
  helper,
  hookArguments,
  jeq,
  jgt,
  label,
  load,
  mov,
  r0,
  r1,
  r2,
  rawTracepoint,
  socketFilter,
  store,
  struct,
  tc,
  tracepoint,
  u32,
  u64,
  w0,
  w1,
  xdp,
} from '../../src/index.ts';
import { countRuns, loadObject, VerifierError } from '../../src/kernel/index.ts';
import { isAtLeast, kernelVersion } from '../../src/syscall/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { done, holdings, only, thrown } from './object-support.ts';

const PACKET = Uint8Array.from({ length: 64 }, (_, index) => index);
const u64s = (...values: bigint[]) => new Uint8Array(BigUint64Array.from(values).buffer);

describe.skipIf(noBpf)(kernel('running a program on data of our own'), () => {
  const Buffer_ = struct('__sk_buff', { len: u32 });
  const Md = struct('xdp_md', { data: u32, data_end: u32 });

  it('a socket filter sees the packet without its Ethernet header', () => {
    using tool = loadObject(only(socketFilter([load(w0, Buffer_.at(r1).len), exit()])));
    expect(tool.programs.program.testRun({ dataIn: PACKET }).returnValue).toBe(50);
  });

  it('a classifier of traffic control sees all of it', () => {
    using tool = loadObject(only(tc([load(w0, Buffer_.at(r1).len), exit()])));
    expect(tool.programs.program.testRun({ dataIn: PACKET }).returnValue).toBe(64);
  });

  it('XDP sees the memory, and changes it', () => {
    const short = label('short');
    const body = [
      load(w0, Md.at(r1).data),
      load(w1, Md.at(r1).data_end),
      mov(r2, r0),
      add(r2, 8),
      jgt(r2, r1, short),
      load(w1, u32.at(r0, 4)),
      add(w1, 1),
      store(u32.at(r0, 4), w1),
      mov(r0, 2),
      exit(),
      short,
      mov(r0, 1),
      exit(),
    ];
    using tool = loadObject(only(xdp(body)));
    const { returnValue, dataOut } = tool.programs.program.testRun({
      dataIn: PACKET,
      dataOutSize: 64,
    });
    expect([returnValue, ...dataOut.subarray(0, 9)]).toEqual([2, 0, 1, 2, 3, 5, 5, 6, 7, 8]);
    expect(tool.programs.program.testRun({ dataIn: PACKET, repeat: 100 }).duration).toBeLessThan(
      100_000,
    );
  });

  it('a raw tracepoint gets the arguments that it is given', () => {
    const Arguments = hookArguments({ regs: u64, id: u64 });
    using tool = loadObject(
      only(rawTracepoint('sys_enter', [load(r0, Arguments.at(r1).id), exit()])),
    );
    expect(tool.programs.program.testRun({ contextIn: u64s(5n, 7n) }).returnValue).toBe(7);
  });

  it('a tracepoint program is not run so, and the error says it', () => {
    using tool = loadObject(only(tracepoint('sched/sched_process_exit', done)));
    const error = thrown(() => tool.programs.program.testRun({ dataIn: PACKET }));
    expect([error.name, error.message]).toEqual([
      'RequirementError',
      "cannot run program: ENOTSUPP, the kernel does not run tracepoint programs on data of one's own (BPF_PROG_TEST_RUN)",
    ]);
  });

  it('has streams, of which nothing is left once they are read', () => {
    using tool = loadObject(only(socketFilter(done)));
    const { program } = tool.programs;
    if (isAtLeast('6.17'))
      expect([program.readStream('stdout'), program.readStream('stderr')]).toEqual(['', '']);
    else
      expect(thrown(() => program.readStream('stdout')).message).toBe(
        'programs have no stdout before Linux 6.17',
      );
    tool.close();
    expect(thrown(() => program.readStream('stdout')).message).toBe('program program is closed');
  });

  it('is counted, with its time, while somebody asks for it', () => {
    using tool = loadObject(only(socketFilter(done)));
    const { program } = tool.programs;
    {
      using _counted = countRuns();
      // One run of the test is no run of the hook, but many are counted as they are everywhere.
      program.testRun({ dataIn: PACKET, repeat: 10 });
    }
    const { runCount, runTimeNs } = program.info();
    expect(runCount).toBe(10n);
    expect(runTimeNs).toBeGreaterThan(0n);
    program.testRun({ dataIn: PACKET, repeat: 10 });
    expect(program.info().runCount).toBe(10n);
  });

  it('a closed program says that it is closed', () => {
    using tool = loadObject(only(tc(done)));
    tool.close();
    expect(thrown(() => tool.programs.program.testRun()).message).toBe('program program is closed');
  });
});

describe.skipIf(noBpf)(kernel('what the kernel says of a program'), () => {
  it('is its name, type, size and BTF', () => {
    using tool = loadObject(only(tc(done)));
    expect(tool.programs.program.info()).toMatchObject({
      name: 'program',
      xlatedLength: 16,
    });
    expect(tool.programs.program.spec.hook.type).toBe('tc');
  });
});

describe.skipIf(noBpf)(kernel('a program that is refused'), () => {
  it('has a log of any length: the buffer grows until it fits', () => {
    const before = holdings();
    // Some 8,000 instructions with their states, and the fault at the very end.
    const body = [
      mov(r0, 0),
      Array.from({ length: 8000 }, () => add(r0, 1)),
      load(r0, u64.at(r0)),
      exit(),
    ];
    const error = thrown<VerifierError>(() => loadObject(only(socketFilter(body))));
    expect(error).toBeInstanceOf(VerifierError);
    expect(error.log.length).toBeGreaterThan(300_000);
    expect(error.log.startsWith('0: R1=ctx() R10=fp0\n')).toBe(true);
    expect(error.instruction).toBe(8001);
    expect(error.message.split('\n').length).toBeLessThan(30);
    expect(holdings()).toEqual(before);
  });

  it.skipIf(!noBpf && isAtLeast('6.19'))(
    'because the kernel is too old for an instruction: it is named, with its line',
    () => {
      const out = label('out');
      const body = [mov(r0, 0), mov(r1, 2), jeq(r0, 1, out), gotox(r1), out, exit()];
      const error = thrown<VerifierError>(() => loadObject(only(socketFilter(body))));
      expect(error.message.split('\n')[0]).toBe(
        `the kernel refuses program (socket): gotox needs Linux 6.19, and this is ${kernelVersion().release}`,
      );
      expect(error.requirement).toMatchObject({ version: '6.19', because: 'gotox' });
      expect(error.source[0]!.file).toMatch(/program\.test\.ts$/);
      expect(error.source[0]!.text).toContain('gotox(r1)');
    },
  );

  it('for a helper that its type may not call: the word of the verifier, with its line', () => {
    const body = [mov(r2, 0), call(helper.xdp_adjust_head, r1, r2), exit()];
    const error = thrown<VerifierError>(() => loadObject(only(socketFilter(body))));
    expect(error.message.split('\n')[0]).toBe(
      'the kernel refuses program (socket): program of this type cannot use helper bpf_xdp_adjust_head#44',
    );
    expect(error.requirement).toBeUndefined();
  });
});
