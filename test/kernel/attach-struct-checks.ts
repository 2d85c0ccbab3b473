/** Checks of programs that the kernel or a process calls: the functions of a struct, and system call programs. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { add, exit, load, object, r0, r1, syscall, u64 } from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { closeFd, enableStats } from '../../src/syscall/index.ts';
import { loadKoffi } from '../../src/syscall/koffi.ts';
import { type Check, fdOf, portOf, withObject } from './attach-support.ts';
import { available, corpus, programs } from './struct-ops-support.ts';

const NAME = 'corpus_cc';

/** Sends a few bytes through a connection whose sender has the congestion control. */
const send = async (): Promise<void> => {
  const [IPPROTO_TCP, TCP_CONGESTION] = [6, 13];
  const set = loadKoffi().load(null).func('setsockopt', 'int', ['int', 'int', 'int', 'str', 'int']);
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect(portOf(server), '127.0.0.1');
  try {
    const [accepted] = (await once(server, 'connection')) as [Socket];
    assert.equal(set(fdOf(client), IPPROTO_TCP, TCP_CONGESTION, NAME, NAME.length), 0);
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

export const structChecks: readonly Check[] = [
  {
    name: 'struct_ops registers a congestion control by a link',
    hook: 'struct_ops',
    way: 'link',
    since: '6.4',
    run: () => registered(BPF_F_LINK),
  },
  {
    name: 'struct_ops registers a congestion control by its map',
    hook: 'struct_ops',
    way: 'map',
    since: process.arch === 'arm64' ? '6.0' : '5.6',
    run: () => registered(0),
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
