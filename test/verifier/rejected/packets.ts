/** Packets that are read beyond what was compared with their end, or after a helper has moved them. */
import {
  add,
  and,
  call,
  cgroupSkb,
  exit,
  fn,
  helper,
  jge,
  jgt,
  jle,
  jlt,
  label,
  load,
  mov,
  r0,
  r1,
  r2,
  r3,
  r4,
  r6,
  r7,
  r8,
  SocketBuffer,
  store,
  sub,
  tc,
  u8,
  u16,
  u32,
  w2,
  w3,
  w4,
  w6,
  w7,
  w8,
  XdpContext,
  xdp,
} from '../../../src/index.ts';
import { done, Ethernet, Ip, packet, rejected } from './support.ts';

const pass = [mov(r0, 2), exit()];

export const packetBounds = rejected('packet-bounds', {
  'no comparison with the end': () =>
    xdp([
      load(w2, XdpContext.at(r1).data),
      load(w3, Ethernet.at(r2).type), // mistake
      pass,
    ]),
  'a store without a comparison': () =>
    tc([
      load(w2, SocketBuffer.at(r1).data),
      store(u8.at(r2), 0), // mistake
      done,
    ]),
  'one byte too few': () => {
    const out = label('out');
    return xdp([
      packet(XdpContext, w2, w3, 13, out),
      load(w4, Ethernet.at(r2).type), // mistake
      out,
      pass,
    ]);
  },
  'the next header without a comparison of its own': () => {
    const out = label('out');
    return xdp([
      packet(XdpContext, w2, w3, Ethernet.size, out),
      load(w4, Ethernet.at(r2).type),
      add(r2, Ethernet.size),
      load(w4, Ip.at(r2).from), // mistake
      out,
      pass,
    ]);
  },
  'the wrong way of a comparison': () => {
    const out = label('out');
    return xdp([
      load(w2, XdpContext.at(r1).data),
      load(w3, XdpContext.at(r1).data_end),
      mov(r4, r2),
      add(r4, 14),
      jle(r4, r3, out),
      load(w4, Ethernet.at(r2).type), // mistake
      out,
      pass,
    ]);
  },
  'a comparison of the start with the end': () => {
    const out = label('out');
    return xdp([
      load(w2, XdpContext.at(r1).data),
      load(w3, XdpContext.at(r1).data_end),
      jge(r2, r3, out),
      load(w4, Ethernet.at(r2).type), // mistake
      out,
      pass,
    ]);
  },
  'the metadata before a packet': () =>
    xdp([
      load(w2, XdpContext.at(r1).data_meta),
      load(w3, u32.at(r2)), // mistake
      pass,
    ]),
  'before the packet': () => {
    const out = label('out');
    return xdp([
      packet(XdpContext, w2, w3, 14, out),
      load(w4, u16.at(r2, -2)), // mistake
      out,
      pass,
    ]);
  },
  'a length that comes from the packet': () => {
    const out = label('out');
    return tc([
      packet(SocketBuffer, w6, w7, 20, out),
      load(w8, u8.at(r6)),
      and(r8, 15),
      add(r6, r8),
      load(w2, u32.at(r6, 8)), // mistake
      out,
      done,
    ]);
  },
  'a comparison before a length is added': () => {
    const out = label('out');
    return tc([
      packet(SocketBuffer, w6, w7, 34, out),
      load(w8, u16.at(r6, 2)),
      add(r6, r8),
      load(w2, u8.at(r6, 20)), // mistake
      out,
      done,
    ]);
  },
  'a packet in a subprogram': () => {
    const out = label('out');
    const parse = fn('parse', 2, [
      load(w3, Ip.at(r1).to), // mistake
      mov(r0, 0),
      exit(),
    ]);
    return xdp([
      packet(XdpContext, w6, w7, 14, out),
      mov(r1, r6),
      mov(r2, r7),
      call(parse, r1, r2),
      out,
      pass,
    ]);
  },
  'a comparison with a constant': () => {
    const out = label('out');
    return cgroupSkb('ingress', [
      load(w6, SocketBuffer.at(r1).len),
      load(w2, SocketBuffer.at(r1).data),
      jlt(r6, 20, out),
      load(w3, Ip.at(r2).from), // mistake
      out,
      mov(r0, 1),
      exit(),
    ]);
  },
  'a helper that reads too much of a packet': () => {
    const out = label('out');
    return tc([
      packet(SocketBuffer, w6, w7, 14, out),
      call(helper.csum_diff, 0, 0, r6, 20, 0), // mistake
      out,
      done,
    ]);
  },
  'the end of the packet': () =>
    xdp([
      load(w2, XdpContext.at(r1).data_end),
      load(w3, u8.at(r2)), // mistake
      pass,
    ]),
  'arithmetic on the end of the packet': () => {
    const out = label('out');
    return xdp([
      load(w2, XdpContext.at(r1).data),
      load(w3, XdpContext.at(r1).data_end),
      sub(r3, 14), // mistake
      jgt(r2, r3, out),
      load(w4, Ethernet.at(r2).type),
      out,
      pass,
    ]);
  },
});

export const stalePackets = rejected('stale-packet', {
  'after bpf_skb_pull_data': () => {
    const out = label('out');
    return tc([
      mov(r8, r1),
      packet(SocketBuffer, w6, w7, 14, out),
      call(helper.skb_pull_data, r8, 0),
      load(w2, Ethernet.at(r6).type), // mistake
      out,
      done,
    ]);
  },
  'after bpf_xdp_adjust_head': () => {
    const out = label('out');
    return xdp([
      mov(r8, r1),
      packet(XdpContext, w6, w7, 14, out),
      call(helper.xdp_adjust_head, r8, 14),
      store(u8.at(r6), 0), // mistake
      out,
      pass,
    ]);
  },
  'after bpf_skb_store_bytes': () => {
    const out = label('out');
    return tc([
      mov(r8, r1),
      packet(SocketBuffer, w6, w7, 14, out),
      call(helper.skb_vlan_pop, r8),
      mov(r3, r6),
      load(w2, Ethernet.at(r3).type), // mistake
      out,
      done,
    ]);
  },
  'after a subprogram that moves the packet': () => {
    const out = label('out');
    const pull = fn('pull', 1, [call(helper.skb_pull_data, r1, 0), exit()]);
    return tc([
      mov(r8, r1),
      packet(SocketBuffer, w6, w7, 14, out),
      call(pull, r8),
      load(w2, Ethernet.at(r6).type), // mistake
      out,
      done,
    ]);
  },
});
