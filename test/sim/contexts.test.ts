import { describe, expect, it } from 'vitest';
import {
  add,
  type Code,
  call,
  cgroup,
  coreRead,
  DeviceContext,
  exit,
  FlowKeys,
  flowDissector,
  helper,
  i32,
  jeq,
  jgt,
  jne,
  kernelStruct,
  ksyscall,
  label,
  load,
  mov,
  NetfilterContext,
  netfilter,
  object,
  type ProgramSpec,
  perfEvent,
  pointer,
  r0,
  r1,
  r2,
  r3,
  r6,
  r7,
  r8,
  Socket,
  SocketAddress,
  SocketBuffer,
  SocketEvent,
  SocketLookup,
  SocketOptionContext,
  SysctlContext,
  skLookup,
  sockops,
  stack,
  store,
  systemCallArguments,
  tc,
  u8,
  u16,
  u32,
  u64,
  w0,
  w2,
  w8,
} from '../../src/index.ts';
import { SimulationFault, simulate } from '../../src/sim/index.ts';

const only = (program: ProgramSpec) => {
  const { programs } = simulate(object({ license: 'GPL', programs: { program } }));
  return programs.program;
};

const LOCALHOST = 0x0100_007f;

/** Sends connections to port 80 of anyone to this machine's port 8080, and refuses IPv6. */
const redirect = (): Code => {
  const context = SocketAddress.at(r1);
  const [out, refused] = [label('out'), label('refused')];
  return [
    mov(r0, 0),
    load(w2, context.user_family),
    jne(w2, 2, refused),
    mov(r0, 1),
    load(w2, context.user_port),
    jne(w2, 0x5000, out),
    store(context.user_ip4, LOCALHOST),
    store(context.user_port, 0x901f),
    out,
    refused,
    exit(),
  ];
};

describe('the context of a cgroup program', () => {
  it('is an address, of which a program changes what the kernel lets it', () => {
    const program = only(cgroup('connect4', redirect()));
    const given = { user_family: 2, user_ip4: 0x0808_0808, user_port: 0x5000, protocol: 6 };
    const { returnValue, context } = program.run(given);
    expect(returnValue).toBe(1);
    expect(context).toMatchObject({ user_ip4: LOCALHOST, user_port: 0x901f, protocol: 6 });
    expect(program.run({ ...given, user_port: 0xbb01 }).context).toMatchObject({
      user_ip4: 0x0808_0808,
      user_port: 0xbb01,
    });
    expect(program.run({ user_family: 10 }).returnValue).toBe(0);
  });

  it('is not to be written where the kernel does not let it', () => {
    const program = only(
      cgroup('connect4', [mov(r0, 1), store(SocketAddress.at(r1).protocol, 17), exit()]),
    );
    expect(() => program.run({})).toThrow(SimulationFault);
    expect(() => program.run({})).toThrow(/no 4 bytes to be written there/);
  });

  it('has no other fields, which a test is told with those that there are', () => {
    const program = only(cgroup('connect4', [mov(r0, 1), exit()]));
    expect(() => program.run({ user_ipv4: 1 })).toThrow(
      'bpf_sock_addr has no field user_ipv4: user_family, user_ip4, user_ip6, user_port, family, type, protocol, msg_src_ip4, msg_src_ip6, sk',
    );
    expect(() => program.run({ user_port: -1 })).toThrow(/expected a u32/);
  });

  it('is a file of /proc/sys', () => {
    const context = SysctlContext.at(r1);
    const program = only(
      cgroup('sysctl', [load(w0, context.write), store(context.file_pos, 7), exit()]),
    );
    const { returnValue, context: after } = program.run({ write: 1 });
    expect([returnValue, after]).toEqual([1, { write: 1, file_pos: 7 }]);
  });

  it('is an option of a socket, with its bytes', () => {
    const context = SocketOptionContext.at(r1);
    const out = label('out');
    const program = only(
      cgroup('getsockopt', [
        load(r2, context.optval),
        load(r3, context.optval_end),
        mov(r6, r2),
        add(r6, 4),
        mov(r0, 0),
        jgt(r6, r3, out),
        store(u32.at(r2), 0x11223344),
        store(context.optlen, 4),
        store(context.retval, 0),
        mov(r0, 1),
        out,
        exit(),
      ]),
    );
    const run = program.run({ optname: 1, optval: new Uint8Array(8), retval: -92 });
    expect(run.returnValue).toBe(1);
    expect(run.context).toEqual({
      level: 0,
      optname: 1,
      optlen: 4,
      retval: 0,
      optval: Uint8Array.of(0x44, 0x33, 0x22, 0x11, 0, 0, 0, 0),
    });
    expect(program.run({ optval: new Uint8Array(3) }).returnValue).toBe(0);
  });

  it('is a device', () => {
    const context = DeviceContext.at(r1);
    const out = label('out');
    const program = only(
      cgroup('dev', [
        mov(r0, 0),
        load(w2, context.major),
        jne(w2, 1, out),
        mov(r0, 1),
        out,
        exit(),
      ]),
    );
    expect(program.run({ major: 1, minor: 3, access_type: 2 << 16 }).returnValue).toBe(1);
    expect(program.run({ major: 8 }).returnValue).toBe(0);
  });

  it('is a socket that is made', () => {
    const context = Socket.at(r1);
    const program = only(
      cgroup('sock_create', [store(context.mark, 5), load(w0, context.type), exit()]),
    );
    const { returnValue, context: after } = program.run({ family: 2, type: 1 });
    expect([returnValue, after!.mark]).toEqual([1, 5]);
  });

  it('leads to its socket, where it has one', () => {
    const out = label('out');
    const program = only(
      cgroup('connect4', [
        load(r2, SocketAddress.at(r1).sk),
        mov(r0, 0),
        jeq(r2, 0, out),
        load(w0, Socket.at(r2).src_port),
        out,
        exit(),
      ]),
    );
    expect(program.run({ sk: { family: 2, src_port: 4711 } }).returnValue).toBe(4711);
    expect(program.run({}).returnValue).toBe(0);
  });
});

describe('the context of a network program', () => {
  it('is what TCP asks, and its answer', () => {
    const context = SocketEvent.at(r1);
    const out = label('out');
    const program = only(
      sockops([
        load(w2, context.op),
        jne(w2, 1, out),
        store(context.value.reply, 3000),
        out,
        mov(r0, 1),
        exit(),
      ]),
    );
    const asked = program.run({ op: 1, family: 2 }).context as { value: { reply: number } };
    expect(asked.value.reply).toBe(3000);
    const other = program.run({ op: 2, value: { args: [1, 2, 3, 4] } }).context;
    expect(other).toMatchObject({ value: { args: [1, 2, 3, 4] } });
  });

  it('is a packet for which a socket is looked for', () => {
    const program = only(skLookup([load(w0, SocketLookup.at(r1).local_port), exit()]));
    expect(program.run({ local_port: 7777 }).returnValue).toBe(7777);
  });

  it('leads to structs of the kernel', () => {
    const Hook = kernelStruct('nf_hook_state', { hook: u8, pf: u8 });
    const program = only(
      netfilter([load(r2, NetfilterContext.at(r1).state), load(w0, Hook.at(r2).pf), exit()]),
    );
    expect(program.run({ state: { hook: 3, pf: 2 } }).returnValue).toBe(2);
  });

  it('has flow keys to be filled in', () => {
    const keys = FlowKeys.at(r6);
    const program = only(
      flowDissector([
        load(r6, SocketBuffer.at(r1).flow_keys),
        store(keys.ip_proto, 6),
        store(keys.sport, 0x1234),
        mov(r0, 0),
        exit(),
      ]),
    );
    const { context } = program.run({ packet: new Uint8Array(64) });
    expect(context).toMatchObject({ flow_keys: { ip_proto: 6, sport: 0x1234, dport: 0 } });
  });

  it('tells of the fields that were stored beside a packet', () => {
    const program = only(tc([store(SocketBuffer.at(r1).mark, 9), mov(r0, 0), exit()]));
    expect(program.run({ packet: new Uint8Array(14), priority: 3 }).context).toMatchObject({
      mark: 9,
      priority: 3,
      len: 14,
    });
  });
});

describe('the context of a sample', () => {
  it('has the registers, the period and the address', () => {
    const program = only(
      perfEvent([load(r0, u64.at(r1, 168)), load(r2, u64.at(r1, 176)), add(r0, r2), exit()]),
    );
    expect(program.run({ ip: 1, sample_period: 100, addr: 5 }).value).toBe(105n);
    const ip = only(perfEvent([load(r0, u64.at(r1, 128)), exit()]));
    expect(ip.run({ ip: 0xffff_8000_1234_5678n }).value).toBe(0xffff_8000_1234_5678n);
  });
});

describe('the context of a system call', () => {
  it('leads to the registers that the process has called with', () => {
    const Open = systemCallArguments({ dfd: i32, filename: pointer(), flags: i32, mode: u16 });
    const open = Open.at(r6);
    const name = stack(u64);
    const spec = object({
      license: 'GPL',
      programs: {
        program: ksyscall('openat', [
          mov(r6, r1),
          coreRead(r7, open.filename),
          call(helper.probe_read_user_str, name, 8, r7),
          coreRead(w8, open.mode),
          load(r0, name),
          add(r0, r8),
          exit(),
        ]),
      },
    });
    for (const architecture of ['x86-64', 'arm64'] as const) {
      const { program } = simulate(spec, { architecture }).programs;
      const { value } = program.run({ args: [-100, 'abc', 0, 0o640] });
      expect(value).toBe(0x63_62_61n + 0o640n);
    }
  });
});
