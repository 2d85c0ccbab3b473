/** What programs see of contexts, here and in the kernel, where it runs them on contexts of one's own. */
import { describe, expect, it } from 'vitest';
import {
  add,
  type Code,
  exit,
  FlowKeys,
  flowDissector,
  globals,
  jgt,
  label,
  lea,
  load,
  mov,
  object,
  type ProgramSpec,
  r0,
  r1,
  r2,
  r3,
  r4,
  r6,
  SocketBuffer,
  SocketLookup,
  skLookup,
  store,
  struct,
  u8,
  u16,
  u32,
  w2,
  w3,
  w4,
} from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { decode, encode } from '../../src/layout/index.ts';
import { simulate } from '../../src/sim/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';

const only = (program: ProgramSpec) => object({ license: 'GPL', programs: { program } });

const Seen = struct('seen', {
  family: u32,
  protocol: u32,
  remote_ip4: u32,
  remote_port: u16,
  local_ip4: u32,
  local_port: u32,
  ingress_ifindex: u32,
});

describe.skipIf(noBpf)(kernel('a context that the kernel takes'), () => {
  it('has the same fields in a search for a socket', () => {
    const context = SocketLookup.at(r1);
    const seen = globals(Seen);
    const names = Object.keys(Seen.fields) as (keyof typeof Seen.fields)[];
    const program = skLookup([
      lea(r6, seen),
      names.map((name): Code => [load(w2, context[name]), store(Seen.at(r6)[name], w2)]),
      mov(r0, 1),
      exit(),
    ]);
    const spec = object({ license: 'GPL', maps: { seen }, programs: { program } });
    const given = {
      family: 2,
      protocol: 6,
      remote_ip4: 0x0100_007f,
      remote_port: 0x3412,
      local_ip4: 0x0200_007f,
      local_port: 7777,
      // Nothing that follows may be given.
      ingress_ifindex: 0,
    };
    const zeros = { sk: 0n, remote_ip6: [0, 0, 0, 0], local_ip6: [0, 0, 0, 0] };
    using loaded = loadObject(spec);
    const contextIn = encode(SocketLookup, { ...zeros, ...given } as never);
    expect(loaded.programs.program.testRun({ contextIn }).returnValue).toBe(1);
    const { programs, maps } = simulate(spec);
    expect(programs.program.run(given).returnValue).toBe(1);
    for (const name of names) expect(maps.seen.get(name)).toBe(loaded.maps.seen.get(name));
    expect(loaded.maps.seen.get('remote_port')).toBe(0x3412);
  });

  it('has the same keys of a flow', () => {
    const packet = new Uint8Array(64);
    const view = new DataView(packet.buffer);
    view.setUint16(12, 0x0800);
    packet[14] = 0x45;
    packet[14 + 9] = 6;
    view.setUint16(34, 4711);
    view.setUint16(36, 80);
    const keys = FlowKeys.at(r6);
    const context = SocketBuffer.at(r1);
    const out = label('out');
    const spec = only(
      flowDissector([
        load(r6, context.flow_keys),
        load(w2, context.data),
        load(w3, context.data_end),
        mov(r0, 1),
        mov(r4, r2),
        add(r4, 38),
        jgt(r4, r3, out),
        load(w4, u8.at(r2, 23)),
        store(keys.ip_proto, w4),
        load(w4, u16.at(r2, 34)),
        store(keys.sport, w4),
        load(w4, u16.at(r2, 36)),
        store(keys.dport, w4),
        store(keys.thoff, 34),
        mov(r0, 0),
        out,
        exit(),
      ]),
    );
    using loaded = loadObject(spec);
    const { returnValue, dataOut } = loaded.programs.program.testRun({
      dataIn: packet,
      dataOutSize: FlowKeys.size,
    });
    const theirs = decode(FlowKeys, dataOut);
    // The kernel fills others in before the program.
    const ours = simulate(spec).programs.program.run({ packet });
    const { ip_proto, sport, dport, thoff } = theirs;
    expect(ours.returnValue).toBe(returnValue);
    expect(ours.context!.flow_keys).toMatchObject({ ip_proto, sport, dport, thoff });
    expect([ip_proto, sport]).toEqual([6, 0x6712]);
  });
});
