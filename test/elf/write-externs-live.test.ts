/** Functions of the kernel and structs of its functions, written to files: libbpf finds them as the loader does. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { writeObject } from '../../src/elf/write-object.ts';
import {
  type Code,
  call,
  chars,
  either,
  exit,
  hookArguments,
  kernelStruct,
  kfunc,
  kfuncExists,
  load,
  mov,
  type ObjectSpec,
  object,
  pointer,
  r0,
  r1,
  struct,
  structOp,
  structOps,
  tc,
  u32,
  w0,
} from '../../src/index.ts';
import { kernelBtf, loadObject } from '../../src/kernel/index.ts';
import { isAtLeast } from '../../src/syscall/index.ts';
import { congestionControl } from '../kernel/congestion-control.ts';
import { Judge } from '../objects/judge.ts';
import { kernel, noBpf } from '../syscall/support.ts';

const folder = mkdtempSync(join(tmpdir(), 'beespoke-externs-'));
const judge = new Judge();
afterAll(() => {
  judge.close();
  rmSync(folder, { recursive: true, force: true });
});

const judged = (spec: ObjectSpec) => {
  const file = join(folder, 'object.o');
  writeFileSync(file, writeObject(spec));
  const { object, programs } = judge.judge(file);
  return [object.stage, ...programs.map(({ name, verdict }) => `${name}: ${verdict}`)];
};

const lock = kfunc('bpf_rcu_read_lock', []);
const unlock = kfunc('bpf_rcu_read_unlock', []);

const calling = (...code: Code[]) =>
  object({
    license: 'GPL',
    programs: { calling: tc([...code, mov(r0, 0), exit()]) },
  }) as unknown as ObjectSpec;

const missing =
  noBpf ??
  (kernelBtf()?.findByName('bpf_rcu_read_lock', 'func') === undefined
    ? 'no bpf_rcu_read_lock (Linux 6.2)'
    : undefined);

describe.skipIf(missing)(kernel('what a file takes of the kernel by name'), () => {
  it('are functions that libbpf finds, and the loader, in the file as well', () => {
    const spec = calling(call(lock), call(unlock));
    expect(judged(spec)).toEqual(['done', 'calling: accepted']);
    loadObject(spec).close();
    loadObject(readObject(writeObject(spec))).close();
  });

  it('are not found where the kernel does not have them so', () => {
    const other = kfunc('bpf_rcu_read_lock', [u32]);
    const [stage] = judged(calling(call(other, 0), call(unlock)));
    expect(stage).not.toBe('done');
    expect(() => loadObject(calling(call(other, 0), call(unlock)))).toThrow(
      'bpf_rcu_read_lock has another type in this kernel than in the program',
    );
  });

  it('are structs whose functions are programs', () => {
    const TcpSock = kernelStruct('tcp_sock', { snd_cwnd: u32 });
    const Args = hookArguments({ sk: pointer(TcpSock) });
    const Ops = struct('tcp_congestion_ops', {
      ssthresh: pointer(),
      cong_avoid: pointer(),
      undo_cwnd: pointer(),
      name: chars(16),
    });
    const window: Code = [load(r1, Args.at(r1).sk), load(w0, TcpSock.at(r1).snd_cwnd), exit()];
    const spec = object({
      license: 'GPL',
      maps: {
        control: structOps(
          Ops,
          { name: 'written', ssthresh: 'keep', cong_avoid: 'grow', undo_cwnd: 'keep2' },
          { link: false },
        ),
      },
      programs: {
        keep: structOp('ssthresh', window),
        keep2: structOp('undo_cwnd', window),
        grow: structOp('cong_avoid', [mov(r0, 0), exit()]),
      },
    }) as unknown as ObjectSpec;
    expect(judged(spec).sort()).toEqual([
      'done',
      'grow: accepted',
      'keep2: accepted',
      'keep: accepted',
    ]);
    loadObject(readObject(writeObject(spec))).close();
  });

  it.skipIf(!isAtLeast('6.4'))('can be asked for, as the loader and libbpf do', () => {
    const none = kfunc('bpf_no_such_function', []);
    // Neither of the ways that call what is not there can be reached, or the kernel would refuse it.
    const spec = calling(
      either(kfuncExists(lock), [call(lock), call(unlock)], call(none)),
      either(kfuncExists(none), call(none), []),
    );
    expect(judged(spec)).toEqual(['done', 'calling: accepted']);
    loadObject(readObject(writeObject(spec))).close();
    expect(judged(calling(call(none)))[0]).not.toBe('done');
  });

  it.skipIf(!isAtLeast('6.4'))('are those of a congestion control', () => {
    const spec = congestionControl('written', false) as unknown as ObjectSpec;
    const [stage, ...programs] = judged(spec);
    expect(stage).toBe('done');
    expect(programs.filter((each) => !each.endsWith(': accepted'))).toEqual([]);
  });
});
