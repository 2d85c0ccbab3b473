/** Checks of programs that the kernel or a process calls: the functions of a struct, and system call programs. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  add,
  exit,
  load,
  mov,
  object,
  parseHook,
  r0,
  r1,
  socketFilter,
  syscall,
  u64,
} from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { closeFd, enableStats, isAtLeast } from '../../src/syscall/index.ts';
import { loadKoffi } from '../../src/syscall/koffi.ts';
import { type Check, fdOf, portOf, withObject } from './attach-support.ts';
import { congestionControl } from './congestion-control.ts';
import { scheduler } from './scheduler.ts';
import { available, corpus, programs } from './struct-ops-support.ts';

const NAME = 'corpus_cc';

/** Sends a few bytes through a connection whose sender has the congestion control. */
const send = async (name = NAME): Promise<void> => {
  const [IPPROTO_TCP, TCP_CONGESTION] = [6, 13];
  const set = loadKoffi().load(null).func('setsockopt', 'int', ['int', 'int', 'int', 'str', 'int']);
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect(portOf(server), '127.0.0.1');
  try {
    const [accepted] = (await once(server, 'connection')) as [Socket];
    assert.equal(set(fdOf(client), IPPROTO_TCP, TCP_CONGESTION, name, name.length), 0);
    client.write('x');
    assert.equal(String((await once(accepted, 'data'))[0]), 'x');
    accepted.destroy();
  } finally {
    client.destroy();
    server.close();
  }
};

/** Registers it, so that a socket can be told to use it. */
const registered = async (flags: number): Promise<void> => {
  const stats = enableStats();
  try {
    using tool = loadObject(corpus({ flags }), { programs });
    tool.attach();
    assert.ok(available().includes(NAME));
    await send();
    const runs = tool.programs.corpus_init!.info().runCount;
    assert.ok(Number(runs) > 0, 'the program has not run');
    tool.detach();
    assert.ok(!available().includes(NAME));
  } finally {
    closeFd(stats);
  }
};

const BPF_F_LINK = 1 << 13;
const OLDEST = process.arch === 'arm64' ? '6.0' : '5.6';

/** What the kernel says of its scheduler, once it says so. */
const says = async (file: string, expected: string): Promise<void> => {
  const read = () => readFileSync(`/sys/kernel/sched_ext/${file}`, 'utf8').trim();
  for (let attempt = 0; read() !== expected; attempt++) {
    assert.ok(attempt < 100, `${file} is ${read()}, not ${expected}`);
    await sleep(50);
  }
};

/** Schedules the machine for a while, and gives it back to the kernel. */
const schedules = async (): Promise<void> => {
  await says('state', 'disabled');
  using tool = loadObject(scheduler('beespoke'));
  tool.attach();
  await says('state', 'enabled');
  await says('root/ops', 'beespoke');
  for (let i = 0; i < 5; i++) assert.equal(spawnSync('true').status, 0);
  const { enqueued, taken, kind } = tool.maps.scheduled.values();
  assert.ok(enqueued > 5 && taken > 5, `${enqueued} tasks were enqueued and ${taken} taken`);
  assert.equal(kind, 'SCX_EXIT_NONE', 'it has ended by itself');
  tool.detach();
  await says('state', 'disabled');
  const ended = tool.maps.scheduled.values();
  assert.deepEqual([ended.kind, ended.reason], ['SCX_EXIT_UNREG', 'unregistered from user space']);
  assert.equal(spawnSync('true').status, 0);
};

export const structChecks: readonly Check[] = [
  {
    name: 'struct_ops registers a congestion control by a link',
    hook: 'struct_ops/tcp_congestion_ops',
    way: 'link',
    since: '6.4',
    run: () => registered(BPF_F_LINK),
  },
  {
    name: 'struct_ops registers a congestion control by its map',
    hook: 'struct_ops/tcp_congestion_ops',
    way: 'map',
    since: OLDEST,
    run: () => registered(0),
  },
  {
    name: 'a congestion control in our language counts what is acknowledged',
    hook: 'struct_ops/tcp_congestion_ops',
    since: OLDEST,
    run: async () => {
      const name = 'beespoke_cc';
      using tool = loadObject(congestionControl(name, isAtLeast('6.4')));
      tool.attach();
      assert.ok(available().includes(name));
      await send(name);
      assert.ok(tool.maps.acknowledged.get('segments') > 0, 'nothing was acknowledged');
      tool.detach();
      assert.ok(!available().includes(name));
    },
  },
  {
    name: 'a scheduler in our language schedules the tasks of the machine',
    hook: 'struct_ops/sched_ext_ops',
    way: 'link',
    option: 'CONFIG_SCHED_CLASS_EXT',
    since: '6.12',
    alone: true,
    run: schedules,
  },
  {
    name: 'a program for infrared receivers is accepted',
    hook: 'lirc_mode2',
    way: 'loaded',
    option: 'CONFIG_BPF_LIRC_MODE2',
    run: () => {
      const hook = parseHook('lirc_mode2');
      const receive = { ...socketFilter([mov(r0, 0), exit()]), hook };
      return withObject(object({ license: 'GPL', programs: { receive } }), () => {});
    },
  },
  {
    name: 'a system call program runs when it is called',
    hook: 'syscall',
    way: 'test run',
    since: '5.14',
    run: () => {
      const spec = object({
        license: 'GPL',
        programs: { call: syscall([load(r0, u64.at(r1)), add(r0, 2), exit()]) },
      });
      return withObject(spec, ({ programs: { call } }) => {
        const contextIn = new Uint8Array(BigUint64Array.of(40n).buffer);
        assert.equal(call.testRun({ contextIn }).returnValue, 42);
      });
    },
  },
];
