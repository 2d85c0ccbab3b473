/** Checks of programs at sockets and at maps of sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  atomicAdd,
  type Code,
  exit,
  globals,
  jeq,
  label,
  lea,
  load,
  mov,
  object,
  type ProgramSpec,
  ReuseportContext,
  r0,
  r1,
  r2,
  r6,
  SocketBuffer,
  skMsg,
  skReuseport,
  skReuseportMigrate,
  skSkb,
  socketFilter,
  w0,
} from '../../src/index.ts';
import { attachedPrograms } from '../../src/kernel/index.ts';
import { BPF_MAP_TYPE, closeFd, isAtLeast, mapCreate, mapUpdate } from '../../src/syscall/index.ts';
import { loadKoffi } from '../../src/syscall/koffi.ts';
import { openSocket, setOption } from '../../src/syscall/sockets.ts';
import {
  arrives,
  type Check,
  Counter,
  counting,
  fdOf,
  PATIENCE_MS,
  passes,
  portOf,
  thrownBy,
  udp,
  withObject,
} from './attach-support.ts';

const KEEP = 0xffff;
const SK_DROP = 0;
const SK_PASS = 1;

const [SOCK_STREAM, SOCK_DGRAM] = [1, 2];

/** A socket, of UDP unless it is told otherwise, that shares its port with others. */
const sharedPort = (port: number, type = SOCK_DGRAM): number => {
  const [AF_INET, SOL_SOCKET, SO_REUSEPORT] = [2, 1, 15];
  const fd = openSocket(AF_INET, type, 0);
  assert.equal(setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1), 0);
  const bind = loadKoffi().load(null).func('bind', 'int', ['int', 'uint8_t *', 'int']);
  const address = Uint8Array.of(
    AF_INET,
    0,
    port >> 8,
    port & 0xff,
    127,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
  );
  assert.equal(bind(fd, address, address.length), 0);
  return fd;
};

/** A TCP socket that waits for connections, which nobody accepts. */
const listener = (port: number): number => {
  const fd = sharedPort(port, SOCK_STREAM);
  const listen = loadKoffi().load(null).func('listen', 'int', ['int', 'int']);
  assert.equal(listen(fd, 1), 0);
  return fd;
};

/** Counts connections that are to be moved from one socket to another; the kernel chooses which. */
const migrating = () => {
  const counter = globals(Counter);
  const chosen = label('chosen');
  return object({
    license: 'GPL',
    maps: { counter },
    programs: {
      choose: skReuseportMigrate([
        load(r6, ReuseportContext.at(r1).migrating_sk),
        jeq(r6, 0, chosen),
        lea(r1, counter),
        mov(r2, 1),
        atomicAdd(Counter.at(r1).second, r2),
        chosen,
        mov(r0, SK_PASS),
        exit(),
      ]),
    },
  });
};

interface SocketMap {
  readonly fd: number;
  /** Whether a byte comes through a new connection, of which one end is in the map. */
  exchange(end: 'sender' | 'receiver'): Promise<boolean>;
}

/** A map of sockets. What is attached to it counts for the sockets that come into it afterwards. */
const withSocketMap = async (use: (map: SocketMap) => Promise<void>): Promise<void> => {
  const fd = mapCreate({
    type: BPF_MAP_TYPE.BPF_MAP_TYPE_SOCKMAP,
    keySize: 4,
    valueSize: 4,
    maxEntries: 1,
  });
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const exchange = async (end: 'sender' | 'receiver'): Promise<boolean> => {
    const client = connect(portOf(server), '127.0.0.1');
    client.on('error', () => {});
    const [accepted] = (await once(server, 'connection')) as [Socket];
    try {
      const inMap = fdOf(end === 'sender' ? client : accepted);
      mapUpdate(fd, new Uint8Array(4), new Uint8Array(Uint32Array.of(inMap).buffer));
      let got = false;
      accepted.once('data', () => {
        got = true;
      });
      client.write('x');
      for (let waited = 0; !got && waited < PATIENCE_MS; waited += 10) await sleep(10);
      return got;
    } finally {
      client.destroy();
      accepted.destroy();
    }
  };
  try {
    await use({ fd, exchange });
  } finally {
    server.close();
    closeFd(fd);
  }
};

type SocketMapHook = 'sk_skb/verdict' | 'sk_skb/stream_verdict' | 'sk_msg';

/** What is attached to a map, as the kernel says since 5.18. */
const assertAttached = (
  hook: SocketMapHook,
  map: { readonly fd: number },
  ...ids: readonly number[]
): void => {
  if (!isAtLeast('5.18')) return;
  const found = attachedPrograms(hook, { map }).programs;
  assert.deepEqual(
    found.map(({ id }) => id),
    ids,
  );
};

/** Linux 5.10.223 waits for itself for ever where what was parsed passes: sk_callback_lock is taken twice. */
const PARSED = isAtLeast('5.11') ? SK_PASS : SK_DROP;

/** A parser for which a message is whatever has come, and a verdict on it. */
const parsing = () => {
  const counter = globals(Counter);
  const counted = (field: 'first' | 'second', result: Code): Code => [
    mov(r6, r1),
    lea(r1, counter),
    mov(r2, 1),
    atomicAdd(Counter.at(r1)[field], r2),
    result,
    exit(),
  ];
  return object({
    license: 'GPL',
    maps: { counter },
    programs: {
      parser: skSkb('stream_parser', counted('first', load(w0, SocketBuffer.at(r6).len))),
      verdict: skSkb('stream_verdict', counted('second', mov(r0, PARSED))),
    },
  });
};

export const socketChecks: readonly Check[] = [
  {
    name: 'a socket filter drops what one socket receives',
    hook: 'socket',
    way: 'socket',
    run: () =>
      withObject(
        counting(socketFilter, 0, KEEP),
        async ({ programs: { first, second }, maps: { counter } }) => {
          const to = await udp();
          const from = await udp();
          try {
            using link = first.attach({ socket: fdOf(to) });
            assert.equal(link.how, 'socket');
            assert.match(link.hook, /^socket on socket:\[\d+\]$/);
            assert.equal(await arrives(from, to), false);
            assert.equal(counter.get('first'), 1);
            assert.equal(await passes(), true);
            link.update(second);
            assert.equal(await arrives(from, to), true);
            assert.equal(counter.get('second'), 1);
            link.close();
            assert.equal(await arrives(from, to), true);
            assert.equal(counter.get('second'), 1);
            assert.match(
              thrownBy(() => first.attach({ socket: first.fd })).message,
              /descriptor \d+ of this process is not a socket/,
            );
          } finally {
            to.close();
            from.close();
          }
        },
      ),
  },
  {
    name: 'closing the link of a socket that is closed does nothing',
    hook: 'socket',
    run: () =>
      withObject(counting(socketFilter, 0), async ({ programs: { first } }) => {
        const to = await udp();
        const link = first.attach({ socket: fdOf(to) });
        to.close();
        await sleep(0);
        // It has the number of the socket before.
        const next = await udp();
        const from = await udp();
        try {
          using other = first.attach({ socket: fdOf(next) });
          link.close();
          assert.equal(await arrives(from, next), false);
          other.close();
          assert.equal(await arrives(from, next), true);
        } finally {
          next.close();
          from.close();
        }
      }),
  },
  {
    name: 'sk_reuseport programs and socket filters choose among the sockets of a port',
    hook: 'sk_reuseport',
    way: 'socket',
    since: '5.3',
    run: async () => {
      const port = 7801;
      const sockets = [sharedPort(port), sharedPort(port)];
      const from = await udp();
      const send = () =>
        new Promise<Error | null>((resolve) => from.send('x', port, '127.0.0.1', resolve));
      try {
        await withObject(
          counting(skReuseport, SK_PASS),
          async ({ programs: { first }, maps: { counter } }) => {
            using link = first.attach({ socket: sockets[0]! });
            await send();
            assert.equal(counter.get('first'), 1);
            link.close();
            await send();
            assert.equal(counter.get('first'), 1);
          },
        );
        await withObject(
          counting(socketFilter, 1),
          async ({ programs: { first }, maps: { counter } }) => {
            using _link = first.attach({ socket: sockets[1]!, reuseport: true });
            await send();
            assert.equal(counter.get('first'), 1);
          },
        );
      } finally {
        from.close();
        for (const fd of sockets) closeFd(fd);
      }
    },
  },
  {
    name: 'sk_reuseport/migrate finds a connection of a socket that is closed another one',
    hook: 'sk_reuseport/migrate',
    way: 'socket',
    since: '5.14',
    run: () =>
      withObject(migrating(), async ({ programs: { choose }, maps: { counter } }) => {
        const port = 7802;
        const first = listener(port);
        let second: number | undefined;
        const client = connect(port, '127.0.0.1');
        try {
          using _link = choose.attach({ socket: first });
          await once(client, 'connect');
          second = listener(port);
          assert.equal(counter.get('second'), 0);
          closeFd(first);
          assert.equal(counter.get('second'), 1);
        } finally {
          client.destroy();
          if (second === undefined) closeFd(first);
          else closeFd(second);
        }
      }),
  },
  ...(
    [
      ['sk_skb/verdict', '5.13', 'receiver', (body) => skSkb('verdict', body)],
      ['sk_skb/stream_verdict', undefined, 'receiver', (body) => skSkb('stream_verdict', body)],
      ['sk_msg', undefined, 'sender', skMsg],
    ] as readonly (readonly [
      SocketMapHook,
      Check['since'],
      'sender' | 'receiver',
      (body: Code) => ProgramSpec,
    ])[]
  ).flatMap(([hook, since, end, make]) =>
    (['link', 'attach'] as const).map(
      (how): Check => ({
        name: `${hook} on what the ${end}s of a map get through, by ${how}`,
        hook,
        way: how,
        ...(how === 'link' ? { since: '6.10' } : since && { since }),
        run: () =>
          withObject(
            counting(make, SK_DROP, SK_PASS),
            ({ programs: { first, second }, maps: { counter } }) =>
              withSocketMap(async (map) => {
                using link = first.attach({ map });
                assert.equal(link.how, how);
                assertAttached(hook, map, first.info().id);
                assert.equal(await map.exchange(end), false);
                assert.ok(counter.get('first') > 0);
                link.update(second);
                assertAttached(hook, map, second.info().id);
                assert.equal(await map.exchange(end), true);
                assert.ok(counter.get('second') > 0);
                link.close();
                assertAttached(hook, map);
              }),
            how === 'attach' ? ['sockmapLink'] : [],
          ),
      }),
    ),
  ),
  ...(['link', 'attach'] as const).map(
    (how): Check => ({
      name: `sk_skb/stream_parser takes the stream of a receiver apart, by ${how}`,
      hook: 'sk_skb/stream_parser',
      way: how,
      ...(how === 'link' && { since: '6.10' }),
      run: () =>
        withObject(
          parsing(),
          ({ programs: { parser, verdict }, maps: { counter } }) =>
            withSocketMap(async (map) => {
              using parsed = parser.attach({ map });
              using _judged = verdict.attach({ map });
              assert.equal(parsed.how, how);
              assert.equal(await map.exchange('receiver'), PARSED === SK_PASS);
              assert.ok(counter.get('first') > 0);
              assert.ok(counter.get('second') > 0);
            }),
          how === 'attach' ? ['sockmapLink'] : [],
        ),
    }),
  ),
];
