/** Checks of programs of network namespaces and of netfilter. Each sees real packets on `lo`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import {
  exit,
  flowDissector,
  jne,
  label,
  load,
  mov,
  netfilter,
  object,
  r0,
  r1,
  SocketLookup,
  skLookup,
  w2,
} from '../../src/index.ts';
import { attachedPrograms } from '../../src/kernel/index.ts';
import {
  type Check,
  counting,
  LO,
  passes,
  sendRaw,
  thrownBy,
  withObject,
} from './attach-support.ts';

const OWN_NETNS = '/proc/self/ns/net';
const CLOSED = 7777;

const idsAt = (...query: Parameters<typeof attachedPrograms>): number[] =>
  attachedPrograms(...query).programs.map(({ id }) => id);

/** Drops look-ups for one port. */
const lookup = () => {
  const pass = label('pass');
  return object({
    license: 'GPL',
    programs: {
      closePort: skLookup([
        load(w2, SocketLookup.at(r1).local_port),
        mov(r0, 1),
        jne(w2, CLOSED, pass),
        mov(r0, 0),
        pass,
        exit(),
      ]),
    },
  });
};

const connects = async (port: number): Promise<string> => {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return 'connected';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'failed';
  } finally {
    socket.destroy();
  }
};

export const namespaceChecks: readonly Check[] = [
  {
    name: 'sk_lookup refuses connections to a port of the network namespace',
    hook: 'sk_lookup',
    way: 'link',
    since: '5.9',
    run: () =>
      withObject(lookup(), async ({ programs: { closePort } }) => {
        const server = createServer().listen(CLOSED, '127.0.0.1');
        await once(server, 'listening');
        try {
          assert.equal(await connects(CLOSED), 'connected');
          using link = closePort.attach({ netns: OWN_NETNS });
          assert.equal(link.info().target?.kind, 'netns');
          assert.deepEqual(idsAt('sk_lookup', { netns: OWN_NETNS }), [closePort.info().id]);
          assert.equal(await connects(CLOSED), 'ECONNREFUSED');
          link.close();
          assert.equal(await connects(CLOSED), 'connected');
          assert.deepEqual(idsAt('sk_lookup', { netns: OWN_NETNS }), []);
          assert.match(
            thrownBy(() => closePort.attach({ netns: '/proc/self/status' })).message,
            /is not a network namespace: those are \/proc\/PID\/ns\/net/,
          );
        } finally {
          server.close();
        }
      }),
  },
  ...(['link', 'attach'] as const).map(
    (how): Check => ({
      name: `a flow dissector runs by ${how}`,
      hook: 'flow_dissector',
      way: how,
      ...(how === 'link' && { since: '5.8' }),
      run: () =>
        withObject(
          counting(flowDissector, 0),
          ({ programs: { first, second }, maps: { counter } }) => {
            using link = first.attach({ netns: OWN_NETNS });
            assert.equal(link.how, how);
            sendRaw(LO);
            assert.ok(counter.get('first') > 0);
            link.update(second);
            sendRaw(LO);
            assert.ok(counter.get('second') > 0);
            assert.deepEqual(idsAt('flow_dissector', { netns: OWN_NETNS }), [second.info().id]);
            link.close();
            assert.deepEqual(idsAt('flow_dissector', { netns: OWN_NETNS }), []);
          },
          how === 'attach' ? ['netnsLink'] : [],
        ),
    }),
  ),
  {
    name: 'a netfilter program drops what comes in',
    hook: 'netfilter',
    way: 'link',
    option: 'CONFIG_NETFILTER_BPF_LINK',
    since: '6.4',
    run: () =>
      withObject(counting(netfilter, 0), async ({ programs: { first }, maps: { counter } }) => {
        assert.equal(await passes(), true);
        using link = first.attach({ netfilter: { hook: 'input', priority: -100 } });
        assert.deepEqual(link.info().target, {
          kind: 'netfilter',
          family: 2,
          hook: 1,
          priority: -100,
          flags: 0,
        });
        assert.equal(await passes(), false);
        assert.ok(counter.get('first') > 0);
        assert.match(thrownBy(() => link.update(first)).message, /keep their program/);
        link.close();
        assert.equal(await passes(), true);
        assert.match(
          thrownBy(() => first.attach({ netfilter: { hook: 'input', priority: 2 ** 31 } })).message,
          /a priority lies between/,
        );
      }),
  },
];
