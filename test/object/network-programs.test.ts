import { describe, expect, it } from 'vitest';
import { framesOf } from '../../src/asm/index.ts';
import {
  type CgroupHook,
  cgroup,
  cgroupSkb,
  exit,
  flowDissector,
  HOOKS,
  lwt,
  mov,
  netfilter,
  netkit,
  parseSection,
  r0,
  skLookup,
  skMsg,
  skReuseport,
  skReuseportMigrate,
  skSkb,
  sockops,
  tcx,
  xdpFragments,
  xdpRedirected,
} from '../../src/index.ts';

const body = [mov(r0, 0), exit()];

describe('programs of networking', () => {
  it.each([
    [xdpFragments(body), 'xdp.frags'],
    [tcx('ingress', body), 'tcx/ingress'],
    [tcx('egress', body), 'tcx/egress'],
    [netkit('primary', body), 'netkit/primary'],
    [netkit('peer', body), 'netkit/peer'],
    [flowDissector(body), 'flow_dissector'],
    [skLookup(body), 'sk_lookup'],
    [netfilter(body), 'netfilter'],
    [sockops(body), 'sockops'],
    [skSkb('stream_parser', body), 'sk_skb/stream_parser'],
    [skSkb('stream_verdict', body), 'sk_skb/stream_verdict'],
    [skSkb('verdict', body), 'sk_skb/verdict'],
    [skMsg(body), 'sk_msg'],
    [skReuseport(body), 'sk_reuseport'],
    [skReuseportMigrate(body), 'sk_reuseport/migrate'],
    [xdpRedirected('devmap', body), 'xdp/devmap'],
    [xdpRedirected('cpumap', body), 'xdp/cpumap'],
    [lwt('in', body), 'lwt_in'],
    [lwt('out', body), 'lwt_out'],
    [lwt('xmit', body), 'lwt_xmit'],
    [lwt('seg6local', body), 'lwt_seg6local'],
    [cgroupSkb('ingress', body), 'cgroup_skb/ingress'],
    [cgroupSkb('egress', body), 'cgroup_skb/egress'],
    [cgroup('connect4', body), 'cgroup/connect4'],
  ])('have the section names of libbpf (%#)', (program, section) => {
    expect(program.hook).toEqual({ type: section, section, name: '' });
    expect(program.hook).toEqual(parseSection(section));
    expect(program.body).toBe(body);
  });

  it('are there for all hooks of cgroups', () => {
    const names = Object.keys(HOOKS)
      .filter((type) => type.startsWith('cgroup/') && type !== 'cgroup/skb')
      .map((type) => type.slice('cgroup/'.length) as CgroupHook);
    expect(names).toHaveLength(26);
    for (const name of names)
      expect(cgroup(name, body).hook).toEqual(parseSection(`cgroup/${name}`));
  });

  it('know their lines', () => {
    for (const program of [tcx('ingress', body), cgroup('sysctl', body), skLookup(body)])
      expect(framesOf(program.site)[0]!.file).toMatch(/network-programs\.test\.ts$/);
  });
});
