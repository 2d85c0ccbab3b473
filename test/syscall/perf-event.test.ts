import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  BPF_LINK_TYPE,
  BPF_MAP_TYPE,
  BPF_PROG_TYPE,
  linkCreate,
  linkInfo,
  mapCreate,
  mapUpdate,
  mmap,
  onlineCpus,
  PERF_COUNT_SW,
  PERF_SAMPLE,
  PERF_TYPE,
  pageSize,
  perfEventDisable,
  perfEventEnable,
  perfEventOpen,
  perfEventSetBpf,
  progInfo,
  progLoad,
  progTestRun,
  rawTracepointOpen,
  type SystemCallError,
  taskFdQuery,
  waitForRunningPrograms,
} from '../../src/syscall/index.ts';
import { insn, kernel, loadMap, noBpf, returns, thrownBy, u32, withFds } from './support.ts';

const BPF_PERF_EVENT = 41;
const cpu = noBpf ? 0 : onlineCpus()[0]!;
const load = (type: keyof typeof BPF_PROG_TYPE, insns: Uint8Array) =>
  progLoad({ type: BPF_PROG_TYPE[type], insns, license: 'GPL' }).fd;
const clock = () =>
  perfEventOpen({
    type: PERF_TYPE.PERF_TYPE_SOFTWARE,
    config: PERF_COUNT_SW.PERF_COUNT_SW_CPU_CLOCK,
    sampleFrequency: 50,
    disabled: true,
    cpu,
  });

describe.skipIf(noBpf)(kernel('perf events'), () => {
  it('carry what a program puts out', () =>
    withFds((own) => {
      const event = own(
        perfEventOpen({
          type: PERF_TYPE.PERF_TYPE_SOFTWARE,
          config: PERF_COUNT_SW.PERF_COUNT_SW_BPF_OUTPUT,
          sampleType: PERF_SAMPLE.PERF_SAMPLE_RAW,
          samplePeriod: 1,
          wakeupEvents: 1,
          cpu,
        }),
      );
      const events = own(
        mapCreate({
          type: BPF_MAP_TYPE.BPF_MAP_TYPE_PERF_EVENT_ARRAY,
          keySize: 4,
          valueSize: 4,
          maxEntries: cpu + 1,
        }),
      );
      using memory = mmap({ fd: event, length: (1 + 8) * pageSize(), writable: true });
      perfEventEnable(event);
      mapUpdate(events, u32(cpu), u32(event));
      const program = own(
        load(
          'BPF_PROG_TYPE_SCHED_CLS',
          Uint8Array.from([
            ...insn(0x7a, 10, 0, -8, 0x5eed), // *(u64 *)(r10 - 8) = 0x5eed
            ...loadMap(2, events),
            ...insn(0xb7, 3, 0, 0, cpu),
            ...insn(0xbf, 4, 10),
            ...insn(0x07, 4, 0, 0, -8),
            ...insn(0xb7, 5, 0, 0, 8),
            ...insn(0x85, 0, 0, 0, 25), // call bpf_perf_event_output
            ...insn(0x95),
          ]),
        ),
      );
      // It has to run on the CPU that the event is for.
      execFileSync('taskset', ['-p', '-c', String(cpu), String(process.pid)], { stdio: 'ignore' });
      try {
        expect(progTestRun(program, { dataIn: new Uint8Array(64) }).returnValue).toBe(0);
      } finally {
        const all = onlineCpus().join(',');
        execFileSync('taskset', ['-p', '-c', all, String(process.pid)], { stdio: 'ignore' });
      }
      const head = new BigUint64Array(memory.buffer, 1024, 1)[0]!;
      expect(head).toBe(24n);
      const record = new DataView(memory.buffer, pageSize(), 24);
      expect(record.getUint32(0, true)).toBe(9); // PERF_RECORD_SAMPLE
      expect(record.getUint32(8, true)).toBe(12);
      expect(record.getBigUint64(12, true)).toBe(0x5eedn);
      perfEventDisable(event);
    }));

  it('wake up after a number of bytes', () =>
    withFds((own) => {
      own(
        perfEventOpen({
          type: PERF_TYPE.PERF_TYPE_SOFTWARE,
          config: PERF_COUNT_SW.PERF_COUNT_SW_BPF_OUTPUT,
          sampleType: PERF_SAMPLE.PERF_SAMPLE_RAW,
          samplePeriod: 1,
          wakeupWatermark: 4096,
          cpu,
        }),
      );
    }));

  it('run a program through a link, which says so', () =>
    withFds((own) => {
      const event = own(clock());
      const program = own(load('BPF_PROG_TYPE_PERF_EVENT', returns(0)));
      const extra = { kind: 'perf_event', cookie: 0x1234_5678_9abcn } as const;
      const link = own(
        linkCreate({ progFd: program, target: event, attachType: BPF_PERF_EVENT, extra }),
      );
      perfEventEnable(event);
      const info = linkInfo(link);
      expect(info).toMatchObject({
        type: BPF_LINK_TYPE.BPF_LINK_TYPE_PERF_EVENT,
        progId: progInfo(program).id,
      });
      // Kernels before 6.6 do not say what the event is, those before 6.9 not the cookie.
      if (info.target) {
        expect(info.target).toMatchObject({ kind: 'event', config: 0n });
      }
      waitForRunningPrograms();
    }));

  it('run a program without a link', () =>
    withFds((own) => {
      const event = own(clock());
      const program = own(load('BPF_PROG_TYPE_PERF_EVENT', returns(0)));
      perfEventSetBpf(event, program);
      perfEventEnable(event);
      const error = thrownBy<SystemCallError>(() => perfEventSetBpf(event, program));
      expect(error).toMatchObject({ call: 'ioctl', code: 'EEXIST' });
      expect(error.message).toContain('A program is attached to this event already');
    }));

  it('say what they are not', () => {
    const open = () => perfEventOpen({ type: PERF_TYPE.PERF_TYPE_SOFTWARE, config: 9999 });
    expect(open).toThrow(
      'cannot open the perf event (type 1, config 9999): ENOENT (no such file or directory). ' +
        'This kernel or processor has no such event',
    );
    const nobody = () => perfEventOpen({ type: 1, config: 0, pid: 0x3fff_ffff, cpu: -1 });
    expect(nobody).toThrow('There is no such process');
  });
});

describe.skipIf(noBpf)(kernel('raw tracepoints'), () => {
  it('run a program, which others can find', () =>
    withFds((own) => {
      const program = own(load('BPF_PROG_TYPE_RAW_TRACEPOINT', returns(0)));
      const link = own(rawTracepointOpen(program, 'sched_process_exec'));
      expect(linkInfo(link)).toMatchObject({
        type: BPF_LINK_TYPE.BPF_LINK_TYPE_RAW_TRACEPOINT,
        progId: progInfo(program).id,
        target: { kind: 'raw_tracepoint', name: 'sched_process_exec', cookie: 0n },
      });
      expect(taskFdQuery(process.pid, link)).toMatchObject({
        progId: progInfo(program).id,
        type: 'raw_tracepoint',
        name: 'sched_process_exec',
      });
      expect(taskFdQuery(process.pid, program)).toBeUndefined();
    }));

  it('must exist', () =>
    withFds((own) => {
      const program = own(load('BPF_PROG_TYPE_RAW_TRACEPOINT', returns(0)));
      expect(() => rawTracepointOpen(program, 'no_such_point')).toThrow(
        "cannot attach to the raw tracepoint 'no_such_point': ENOENT (no such file or directory). " +
          'This kernel has no raw tracepoint of that name: see /sys/kernel/tracing/available_events',
      );
    }));
});
