/** What programs of each type may do to the fields of their contexts: here, and to the kernel's verifier. */
import { describe, expect, it } from 'vitest';
import { assemble, encode } from '../../src/asm/index.ts';
import {
  type CgroupHook,
  type Code,
  cgroup,
  cgroupSkb,
  DeviceContext,
  exit,
  flowDissector,
  HOOKS,
  load,
  lwt,
  type Member,
  mov,
  NetfilterContext,
  netfilter,
  type ProgramSpec,
  ReuseportContext,
  r0,
  r1,
  r2,
  Socket,
  SocketAddress,
  SocketBuffer,
  SocketEvent,
  SocketLookup,
  SocketMessage,
  SocketOptionContext,
  SysctlContext,
  skLookup,
  skMsg,
  skReuseport,
  skSkb,
  socketFilter,
  sockops,
  store,
  tc,
  u8,
  u16,
  u32,
  u64,
  w2,
  XdpContext,
  xdp,
  xdpRedirected,
} from '../../src/index.ts';
import { simulate } from '../../src/sim/index.ts';
import { closeFd, progLoad } from '../../src/syscall/index.ts';
import { missingBefore, titled } from '../asm/kernel.ts';

interface Fields {
  readonly size: number;
  readonly members: readonly Member[];
}
type Row = readonly [make: (body: Code) => ProgramSpec, fields: Fields, result: 0 | 1];

const cgroups = (fields: Fields, ...names: readonly CgroupHook[]): [string, Row][] =>
  names.map((name) => [`cgroup/${name}`, [(body) => cgroup(name, body), fields, 1]]);

const ROWS: readonly (readonly [string, Row])[] = [
  ['tc', [tc, SocketBuffer, 0]],
  ['socket', [socketFilter, SocketBuffer, 0]],
  ['cgroup_skb', [(body) => cgroupSkb('ingress', body), SocketBuffer, 1]],
  ['lwt_in', [(body) => lwt('in', body), SocketBuffer, 0]],
  ['lwt_out', [(body) => lwt('out', body), SocketBuffer, 0]],
  ['lwt_xmit', [(body) => lwt('xmit', body), SocketBuffer, 0]],
  ['lwt_seg6local', [(body) => lwt('seg6local', body), SocketBuffer, 0]],
  ['sk_skb', [(body) => skSkb('stream_verdict', body), SocketBuffer, 0]],
  ['flow_dissector', [flowDissector, SocketBuffer, 0]],
  ['xdp', [xdp, XdpContext, 0]],
  ['xdp/devmap', [(body) => xdpRedirected('devmap', body), XdpContext, 0]],
  ['xdp/cpumap', [(body) => xdpRedirected('cpumap', body), XdpContext, 0]],
  ['sockops', [sockops, SocketEvent, 1]],
  ['sk_msg', [skMsg, SocketMessage, 1]],
  ['sk_reuseport', [skReuseport, ReuseportContext, 1]],
  ['sk_lookup', [skLookup, SocketLookup, 1]],
  ['netfilter', [netfilter, NetfilterContext, 1]],
  ...cgroups(Socket, 'sock_create', 'sock_release', 'post_bind4', 'post_bind6'),
  ...cgroups(DeviceContext, 'dev'),
  ...cgroups(SysctlContext, 'sysctl'),
  ...cgroups(SocketOptionContext, 'getsockopt', 'setsockopt'),
  ...cgroups(SocketAddress, 'bind4', 'bind6', 'connect4', 'connect6', 'connect_unix'),
  ...cgroups(SocketAddress, 'sendmsg4', 'sendmsg6', 'sendmsg_unix', 'recvmsg4', 'recvmsg6'),
  ...cgroups(SocketAddress, 'getpeername4', 'getsockname6', 'getsockname_unix'),
];

const WIDTHS = { 1: u8, 2: u16, 4: u32, 8: u64 } as const;

/** A program that does no more than one access. */
const accessing = (
  [make, , result]: Row,
  offset: number,
  size: keyof typeof WIDTHS,
  stores: boolean,
): ProgramSpec => {
  const place = (WIDTHS[size] as typeof u64).at(r1, offset);
  const register = (size === 8 ? r2 : w2) as typeof r2;
  const access = stores ? store(place, register) : load(register, place);
  return make([mov(r2, 0), access, mov(r0, result), exit()]);
};

const isAccepted = ({ body, hook }: ProgramSpec): boolean => {
  const { program: type, attach } = HOOKS[hook.type];
  const insns = encode(assemble(body, () => true).instructions);
  try {
    closeFd(progLoad({ type, insns, license: 'GPL', expectedAttachType: attach }).fd);
    return true;
  } catch {
    return false;
  }
};

const runs = (program: ProgramSpec): boolean => {
  try {
    simulate(program).programs.program.run();
    return true;
  } catch (error) {
    expect((error as Error).message).toMatch(/no \d bytes to be (read|written) there/);
    return false;
  }
};

const reason = missingBefore('6.18');
describe.skipIf(reason)(titled('fields of contexts', reason), () => {
  it.each(ROWS)('of %s are read and stored as the kernel lets programs do', (_, row) => {
    const [theirs, ours]: string[][] = [[], []];
    for (let offset = 0; offset < row[1].size; offset++)
      for (const size of [1, 2, 4, 8] as const)
        for (const stores of [false, true]) {
          // No processor's rules are asked about: what is not aligned is refused at once.
          if (offset % size !== 0) continue;
          const name = `${stores ? 'stores' : 'reads'} ${size} bytes at ${offset}`;
          const program = accessing(row, offset, size, stores);
          if (isAccepted(program)) theirs!.push(name);
          if (runs(program)) ours!.push(name);
        }
    expect(ours).toEqual(theirs);
    expect(theirs!.length).toBeGreaterThan(1);
  });
});
