/** Checks of programs at cgroups, in a cgroup of their own that this process joins. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CgroupHook,
  type Code,
  cgroup,
  cgroupSkb,
  exit,
  mov,
  object,
  type ProgramSpec,
  r0,
  r1,
  SocketAddress,
  sockops,
  store,
  w2,
} from '../../src/index.ts';
import { attachedPrograms, type Link } from '../../src/kernel/index.ts';
import {
  closeFd,
  type ErrnoName,
  errnoName,
  isAtLeast,
  SystemCallError,
} from '../../src/syscall/index.ts';
import { loadKoffi } from '../../src/syscall/koffi.ts';
import { openSocket, sendTo, setOption } from '../../src/syscall/sockets.ts';
import {
  arrives,
  type Check,
  counting,
  fdOf,
  passes,
  portOf,
  thrownBy,
  udp,
  withObject,
} from './attach-support.ts';

/** Where the cgroup2 file system is. */
const cgroupRoot = (): string | undefined =>
  /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1];

/** This process in a new cgroup, with another cgroup below it. */
export const inCgroup = async (
  use: (path: string, below: string) => void | Promise<void>,
): Promise<void> => {
  const mounted = cgroupRoot();
  const root = mounted ?? mkdtempSync(join(tmpdir(), 'cgroup-'));
  if (!mounted) execFileSync('mount', ['-t', 'cgroup2', 'cgroup2', root]);
  const path = join(root, `beespoke-${process.pid}`);
  const below = join(path, 'below');
  const before = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/';
  const move = (to: string) => writeFileSync(join(to, 'cgroup.procs'), String(process.pid));
  try {
    mkdirSync(path);
    mkdirSync(below);
    move(path);
    await use(path, below);
  } finally {
    move(join(root, before));
    rmdirSync(below);
    rmdirSync(path);
    if (!mounted) {
      execFileSync('umount', [root]);
      rmdirSync(root);
    }
  }
};

// ----------
// What the hooks see. Each says `done`, or the error.
// ----------

type Act = () => Promise<string>;

const codeOf = (error: unknown): string => {
  const { code, message } = error as NodeJS.ErrnoException;
  // Node gives what getsockopt and setsockopt say as a text.
  return code === 'ERR_SOCKET_BUFFER_SIZE'
    ? (/\bE[A-Z]+\b/.exec(message)?.[0] ?? code)
    : (code ?? message);
};

const attempt = async (act: () => unknown): Promise<string> => {
  try {
    await act();
    return 'done';
  } catch (error) {
    return error instanceof SystemCallError ? error.code : codeOf(error);
  }
};

const AF_UNIX = 1;
const AF_INET = 2;
const SOCK_DGRAM = 2;

const createSocket: Act = () => attempt(() => closeFd(openSocket(AF_INET, SOCK_DGRAM, 0)));

const bind =
  (type: 'udp4' | 'udp6'): Act =>
  () =>
    attempt(async () => (await udp(0, type)).close());

const send =
  (type: 'udp4' | 'udp6'): Act =>
  async () => {
    const to = await udp(0, type);
    const from = await udp(0, type);
    try {
      return (await arrives(from, to)) ? 'done' : 'dropped';
    } finally {
      to.close();
      from.close();
    }
  };

/** A connection from one end to the other; then `use` looks at them. */
const connection =
  (host: string, use: (client: Socket) => unknown = () => {}): Act =>
  () =>
    attempt(async () => {
      const server = createServer().listen(
        host.startsWith('/') ? { path: host } : { port: 0, host },
      );
      await once(server, 'listening');
      const client = connect(
        host.startsWith('/') ? { path: host } : { port: portOf(server), host },
      );
      try {
        await once(client, 'connect');
        await use(client);
      } finally {
        client.destroy();
        server.close();
      }
    });

const unixSocket = (use: (fd: number) => void): Promise<string> =>
  attempt(() => {
    const fd = openSocket(AF_UNIX, SOCK_DGRAM, 0);
    try {
      use(fd);
    } finally {
      closeFd(fd);
    }
  });

/** The address of a Unix socket that is not there. */
const NOWHERE = new Uint8Array([AF_UNIX, 0, ...new TextEncoder().encode('/beespoke/nowhere\0')]);

const sendUnix: Act = () => unixSocket((fd) => sendTo(fd, Uint8Array.of(1), NOWHERE));

const nameOfUnix: Act = () =>
  unixSocket((fd) => {
    const libc = loadKoffi().load(null);
    const name = new Uint8Array([AF_UNIX, 0, 0, ...new TextEncoder().encode(`beespoke-${fd}`)]);
    const bind = libc.func('bind', 'int', ['int', 'uint8_t *', 'int']);
    const getsockname = libc.func('getsockname', 'int', ['int', 'uint8_t *', 'int *']);
    assert.equal(bind(fd, name, name.length), 0);
    assert.equal(getsockname(fd, new Uint8Array(128), Int32Array.of(128)), 0);
  });

const nameOfPeer = (client: Socket): void => {
  const getpeername = loadKoffi()
    .load(null)
    .func('getpeername', 'int', ['int', 'uint8_t *', 'int *']);
  assert.equal(getpeername(fdOf(client), new Uint8Array(128), Int32Array.of(128)), 0);
};

/** Receives a datagram, and where it is from. */
const receiveUnix: Act = () =>
  unixSocket((fd) => {
    const libc = loadKoffi().load(null);
    const name = new Uint8Array([AF_UNIX, 0, 0, ...new TextEncoder().encode(`beespoke-${fd}`)]);
    const bind = libc.func('bind', 'int', ['int', 'uint8_t *', 'int']);
    const recvfrom = libc.func('recvfrom', 'int', [
      ...['int', 'uint8_t *', 'size_t', 'int'],
      ...['uint8_t *', 'int *'],
    ]);
    assert.equal(bind(fd, name, name.length), 0);
    sendTo(fd, Uint8Array.of(1), name);
    const MSG_DONTWAIT = 0x40;
    const got = recvfrom(
      fd,
      new Uint8Array(8),
      8,
      MSG_DONTWAIT,
      new Uint8Array(128),
      Int32Array.of(128),
    );
    assert.equal(got, 1);
  });

const setOptionOf: Act = async () => {
  const [SOL_SOCKET, SO_MARK] = [1, 36];
  const fd = openSocket(AF_INET, SOCK_DGRAM, 0);
  try {
    const result = setOption(fd, SOL_SOCKET, SO_MARK, 5);
    return result < 0 ? errnoName(-result) : 'done';
  } finally {
    closeFd(fd);
  }
};

const getOptionOf: Act = async () => {
  const socket = await udp();
  try {
    return await attempt(() => socket.getRecvBufferSize());
  } finally {
    socket.close();
  }
};

const PIPE = join(tmpdir(), `beespoke-${process.pid}`);

interface Row {
  readonly hook: string;
  readonly make: (body: Code) => ProgramSpec;
  readonly act: Act;
  /** What becomes of it when the program returns 0; without it the kernel takes no other result than 1. */
  readonly refused?: ErrnoName | 'dropped';
  readonly since?: string;
}

const row = (hook: CgroupHook, act: Act, refused?: Row['refused'], since?: Row['since']): Row => ({
  hook: `cgroup/${hook}`,
  make: (body) => cgroup(hook, body),
  act,
  ...(refused && { refused }),
  ...(since && { since }),
});

/** Before Linux 5.17 a socket that is refused there stays in the kernel's tables. */
const POST_BIND = isAtLeast('5.17') ? 'EPERM' : undefined;

const ROWS: readonly Row[] = [
  ...(['ingress', 'egress'] as const).map(
    (direction): Row => ({
      hook: `cgroup_skb/${direction}`,
      make: (body) => cgroupSkb(direction, body),
      act: send('udp4'),
      refused: 'dropped',
    }),
  ),
  { hook: 'sockops', make: sockops, act: connection('127.0.0.1') },
  row('sock_create', createSocket, 'EPERM'),
  row('sock_release', createSocket, undefined, '5.9'),
  row('post_bind4', bind('udp4'), POST_BIND),
  row('post_bind6', bind('udp6'), POST_BIND),
  row('bind4', bind('udp4'), 'EPERM'),
  row('bind6', bind('udp6'), 'EPERM'),
  row('connect4', connection('127.0.0.1'), 'EPERM'),
  row('connect6', connection('::1'), 'EPERM'),
  row('sendmsg4', send('udp4'), 'dropped'),
  row('sendmsg6', send('udp6'), 'dropped'),
  row('recvmsg4', send('udp4')),
  row('recvmsg6', send('udp6')),
  row(
    'getpeername4',
    connection('127.0.0.1', (client) => client.remoteAddress),
    undefined,
    '5.8',
  ),
  row(
    'getpeername6',
    connection('::1', (client) => client.remoteAddress),
    undefined,
    '5.8',
  ),
  row(
    'getsockname4',
    connection('127.0.0.1', (client) => client.localAddress),
    undefined,
    '5.8',
  ),
  row(
    'getsockname6',
    connection('::1', (client) => client.localAddress),
    undefined,
    '5.8',
  ),
  row('connect_unix', connection(PIPE), 'EPERM', '6.7'),
  row('sendmsg_unix', sendUnix, 'EPERM', '6.7'),
  row('recvmsg_unix', receiveUnix, undefined, '6.7'),
  row('getpeername_unix', connection(PIPE, nameOfPeer), undefined, '6.7'),
  row('getsockname_unix', nameOfUnix, undefined, '6.7'),
  row('sysctl', () => attempt(() => readFileSync('/proc/sys/kernel/ostype')), 'EPERM', '5.2'),
  row('getsockopt', getOptionOf, 'EPERM', '5.3'),
  row('setsockopt', setOptionOf, 'EPERM', '5.3'),
  row('dev', () => attempt(() => closeSync(openSync('/dev/zero', 'r'))), 'EPERM'),
];

const seeing = ({ hook, make, act, refused, since }: Row, how: 'link' | 'attach'): Check => ({
  name: `${hook} by ${how} ${refused ? 'refuses' : 'sees'} what it is about`,
  hook,
  way: how,
  since: since ?? '5.7',
  run: () =>
    inCgroup((path) =>
      withObject(
        counting(make, refused ? 0 : 1, 1),
        async ({ programs: { first, second }, maps: { counter } }) => {
          const normal = await act();
          const type = first.spec.hook.type;
          const ids = () => attachedPrograms(type, { cgroup: path }).programs.map(({ id }) => id);
          using link = first.attach({ cgroup: path });
          assert.equal(link.how, how);
          assert.equal(link.hook, `${hook} of cgroup ${path}`);
          if (how === 'link') assert.equal(link.info().target?.kind, 'cgroup');
          assert.deepEqual(ids(), [first.info().id]);
          assert.equal(await act(), refused ?? normal);
          assert.ok(counter.get('first') > 0, 'the program has not run');
          link.update(second);
          assert.deepEqual(ids(), [second.info().id]);
          assert.equal(await act(), normal);
          assert.ok(counter.get('second') > 0, 'the other program has not run');
          link.close();
          assert.deepEqual(ids(), []);
          const { first: one, second: two } = {
            first: counter.get('first'),
            second: counter.get('second'),
          };
          assert.equal(await act(), normal);
          assert.deepEqual([counter.get('first'), counter.get('second')], [one, two]);
        },
        how === 'attach' ? ['cgroupLink'] : [],
      ),
    ),
});

/** Connections to port 80 go to another port. */
const redirect = (port: number) =>
  object({
    license: 'GPL',
    programs: {
      redirect: cgroup('connect4', [
        mov(w2, ((port & 0xff) << 8) | (port >> 8)),
        store(SocketAddress.at(r1).user_port, w2),
        mov(r0, 1),
        exit(),
      ]),
    },
  });

export const cgroupChecks: readonly Check[] = [
  ...ROWS.flatMap((each) => [seeing(each, 'link'), seeing(each, 'attach')]),
  {
    name: 'connect4 sends connections to another port',
    hook: 'cgroup/connect4',
    since: '5.7',
    run: async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      try {
        await inCgroup((path) =>
          withObject(redirect(portOf(server)), async ({ programs: { redirect } }) => {
            using _link = redirect.attach({ cgroup: path });
            const client = connect(80, '127.0.0.1');
            await once(client, 'connect');
            assert.equal(client.remotePort, portOf(server));
            client.destroy();
          }),
        );
      } finally {
        server.close();
      }
    },
  },
  {
    name: 'programs of a cgroup and of those above it run together, in an order',
    hook: 'cgroup/bind4',
    way: 'in order',
    since: '6.17',
    run: () =>
      inCgroup((path, below) =>
        withObject(
          counting((body) => cgroup('bind4', body), 1),
          async ({ programs: { first, second } }) => {
            const [one, two] = [first.info().id, second.info().id];
            const at = (cgroup: string, effective = false) =>
              attachedPrograms('cgroup/bind4', { cgroup, effective }).programs.map(({ id }) => id);
            const links: Link[] = [];
            try {
              links.push(first.attach({ cgroup: path }));
              links.push(second.attach({ cgroup: path, before: links[0]! }));
              assert.deepEqual(at(path), [two, one]);
              links.pop()!.close();
              const { revision } = attachedPrograms('cgroup/bind4', { cgroup: path });
              links.push(second.attach({ cgroup: path, after: links[0]!, revision }));
              assert.deepEqual(at(path), [one, two]);
              links.pop()!.close();
              links.push(second.attach({ cgroup: below }));
              assert.deepEqual(at(below), [two]);
              assert.deepEqual(at(below, true), [two, one]);
            } finally {
              for (const link of links) link.close();
            }
          },
        ),
      ),
  },
  {
    name: 'a program that is exclusive keeps others away, and is left alone when it was replaced',
    hook: 'cgroup/bind4',
    run: () =>
      inCgroup((path, below) =>
        withObject(
          counting((body) => cgroup('bind4', body), 1),
          ({ programs: { first, second } }) => {
            const ids = () =>
              attachedPrograms('cgroup/bind4', { cgroup: path }).programs.map(({ id }) => id);
            using one = first.attach({ cgroup: path, sharing: 'exclusive' });
            assert.match(thrownBy(() => second.attach({ cgroup: below })).message, /EPERM/);
            using two = second.attach({ cgroup: path, sharing: 'exclusive' });
            assert.deepEqual(ids(), [second.info().id]);
            one.close();
            assert.deepEqual(ids(), [second.info().id]);
            two.close();
            assert.deepEqual(ids(), []);
            using above = first.attach({ cgroup: path, sharing: 'override' });
            using instead = second.attach({ cgroup: below, sharing: 'override' });
            const effective = attachedPrograms('cgroup/bind4', { cgroup: below, effective: true });
            assert.deepEqual(
              effective.programs.map(({ id }) => id),
              [second.info().id],
            );
            assert.match(thrownBy(() => above.fd).message, /without a link/);
            instead.close();
          },
        ),
      ),
  },
  {
    name: 'what is no cgroup is named',
    hook: 'cgroup_skb/ingress',
    run: () =>
      withObject(
        counting((body) => cgroupSkb('ingress', body), 1),
        async ({ programs: { first } }) => {
          assert.equal(
            thrownBy(() => first.attach({ cgroup: '/proc' })).message,
            '/proc is not a directory of a cgroup2 file system: mount -t cgroup2 lists those, and mkdir makes a cgroup',
          );
          assert.equal(
            thrownBy(() => first.attach({})).message,
            "first: cgroup_skb/ingress does not say where to attach it: attach({ cgroup: '/sys/fs/cgroup/NAME' })",
          );
          assert.equal(await passes(), true);
        },
      ),
  },
];
