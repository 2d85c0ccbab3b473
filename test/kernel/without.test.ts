import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import {
  call,
  exit,
  helper,
  label,
  mov,
  object,
  r0,
  r6,
  reserve,
  ringbuf,
  tc,
  u64,
} from '../../src/index.ts';
import { FEATURES, type Feature, loadObject } from '../../src/kernel/index.ts';
import { featuresWithout } from '../../src/kernel/without.ts';
import { exitsnoop } from '../../src/programs/exitsnoop.ts';
import { defaults } from '../../src/programs/tool.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { holdings, thrown } from './object-support.ts';

const spec = () => exitsnoop.object({ ...defaults(exitsnoop.options), failed: true } as never);

/** The events of processes that end, while some that we start end with 7 and one with a signal. */
const run = async (without: readonly Feature[]) => {
  using tool = loadObject(spec(), { without });
  tool.attach();
  const { hook } = tool.links[0]!;
  const { how } = tool.links[0]!;
  const codes = new Map<number, string>();
  for (let i = 0; i < 5; i++) {
    const child = spawn('sh', ['-c', 'exit 7']);
    const [code] = await once(child, 'exit');
    codes.set(child.pid!, `code ${code}`);
  }
  const killed = spawn('sleep', ['10']);
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  codes.set(killed.pid!, 'signal 9');
  tool.detach();
  const seen = new Map<number, string>();
  tool.maps.events.drain(({ pid, status: { exitCode, signal } }) => {
    if (codes.has(pid)) seen.set(pid, signal ? `signal ${signal}` : `code ${exitCode}`);
  });
  expect([...seen].sort()).toEqual([...codes].sort());
  expect(tool.losses().total).toBe(0);
  return { hook, how };
};

describe.skipIf(noBpf)(kernel('exitsnoop sees how processes end'), () => {
  const cases: [readonly Feature[], hook: string, how: string][] = [
    [[], 'tp_btf/sched_process_exit', 'link'],
    [['tp_btf'], 'raw_tp/sched_process_exit', 'link'],
    [['tp_btf', 'raw_tp'], 'tracepoint/sched/sched_process_exit', 'link'],
    [['tp_btf', 'raw_tp', 'perfLink'], 'tracepoint/sched/sched_process_exit', 'ioctl'],
    [['isaV4'], 'tp_btf/sched_process_exit', 'link'],
    [['mmap'], 'tp_btf/sched_process_exit', 'link'],
    [['batch'], 'tp_btf/sched_process_exit', 'link'],
  ];
  it.each(cases)('without %j', async (without, hook, how) => {
    const before = holdings();
    expect(await run(without)).toMatchObject({ hook, how });
    // Children leave descriptors of their pipes behind until the next turn.
    await new Promise(setImmediate);
    expect(holdings().owned).toBe(before.owned);
  });

  it('and says what it needs, where it cannot do without', () => {
    expect(thrown(() => loadObject(spec(), { without: ['btf'] })).message).toMatch(
      /^this kernel has no type information, which the fields of \w+ are looked up in: it needs \/sys\/kernel\/btf\/vmlinux \(CONFIG_DEBUG_INFO_BTF, and sysfs on \/sys\)$/,
    );
  });

  it('and names the map that it cannot do without', () => {
    const events = ringbuf(u64);
    const full = label('full');
    const sends = [
      reserve(r6, events, full),
      call(helper.ringbuf_discard, r6, 0),
      full,
      mov(r0, 0),
      exit(),
    ];
    const needy = object({ license: 'GPL', maps: { events }, programs: { send: tc(sends) } });
    const error = thrown(() => loadObject(needy, { without: ['ringbuf'] }));
    expect([error.name, error.message]).toEqual([
      'RequirementError',
      'send needs the map events: a ringbuf, which this kernel does not have (Linux 5.8)',
    ]);
  });
});

describe('the features to do without', () => {
  const before = process.env.BEESPOKE_WITHOUT;
  afterEach(() => {
    if (before === undefined) delete process.env.BEESPOKE_WITHOUT;
    else process.env.BEESPOKE_WITHOUT = before;
  });

  it('come from options and from the environment', () => {
    process.env.BEESPOKE_WITHOUT = 'tp_btf, batch,';
    expect([...featuresWithout(['mmap'])].sort()).toEqual(['batch', 'mmap', 'tp_btf']);
    delete process.env.BEESPOKE_WITHOUT;
    expect([...featuresWithout()]).toEqual([]);
  });

  it('are known by name', () => {
    process.env.BEESPOKE_WITHOUT = 'tp-btf';
    const message = `there is no feature "tp-btf" to do without: ${Object.keys(FEATURES).join(', ')}`;
    expect(thrown(() => featuresWithout()).message).toBe(message);
    delete process.env.BEESPOKE_WITHOUT;
    expect(thrown(() => featuresWithout(['toString' as never])).name).toBe('TypeError');
  });

  it.skipIf(noBpf)(kernel('of the environment are used by loadObject'), () => {
    process.env.BEESPOKE_WITHOUT = 'tp_btf';
    using tool = loadObject(spec());
    expect(tool.programs.handleExit.spec.hook.section).toBe('raw_tp/sched_process_exit');
    execFileSync('true');
  });
});
