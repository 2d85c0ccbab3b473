import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { exit, mov, object, r0, socketFilter } from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { placeOf } from '../../src/kernel/link-places.ts';
import { parseSection } from '../../src/object/index.ts';
import { type LinkTarget, linkInfo } from '../../src/syscall/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';

const where = (target: LinkTarget): string | undefined =>
  placeOf({ type: 0, id: 1, progId: 0, target })?.where;

describe.skipIf(noBpf)(kernel('the place of a link'), () => {
  it('is told in the names of sections', () => {
    const cookie = 0n;
    // biome-ignore format: a table
    const table: readonly (readonly [LinkTarget, string])[] = [
      [{ kind: 'raw_tracepoint', name: 'sched_switch', cookie }, 'raw_tp/sched_switch'],
      [{ kind: 'iter', name: 'bpf_map_elem', mapId: 7 }, 'iter/bpf_map_elem of map 7'],
      [{ kind: 'netns', inode: 4026531840, attachType: 36 }, 'sk_lookup of netns 4026531840'],
      [{ kind: 'netns', inode: 4026531840, attachType: 17 }, 'flow_dissector of netns 4026531840'],
      [{ kind: 'xdp', ifindex: 1 }, 'xdp of lo'],
      [{ kind: 'tcx', ifindex: 1, attachType: 46 }, 'tcx/ingress of lo'],
      [{ kind: 'netkit', ifindex: 999_999, attachType: 55 }, 'netkit/peer of interface 999999'],
      [{ kind: 'netfilter', family: 2, hook: 1, priority: -128, flags: 0 }, 'netfilter ipv4 local_in, priority -128'],
      [{ kind: 'cgroup', cgroupId: 2n ** 60n, attachType: 8 }, 'cgroup/bind4 of 1152921504606846976'],
      [{ kind: 'cgroup', cgroupId: 2n ** 60n, attachType: 0 }, 'cgroup_skb/ingress of 1152921504606846976'],
      [{ kind: 'sockmap', mapId: 0xffff_fff0, attachType: 7 }, 'sk_msg of map 4294967280'],
      [{ kind: 'uprobe', name: '/bin/sh', offset: 0x4f0, isReturn: true, cookie }, 'uretprobe//bin/sh+0x4f0'],
      [{ kind: 'kprobe', name: 'vfs_read', offset: 0, isReturn: false, address: 0n, missed: 0n, cookie }, 'kprobe/vfs_read'],
      [{ kind: 'tracepoint', name: 'sched_switch', cookie }, 'tracepoint sched_switch'],
      [{ kind: 'event', type: 1, config: 0n, cookie }, 'perf_event cpu-clock'],
      [{ kind: 'event', type: 1, config: 5n, cookie }, 'perf_event minor-faults'],
      [{ kind: 'event', type: 0, config: 1n, cookie }, 'perf_event instructions'],
      [{ kind: 'event', type: 0, config: 9n, cookie }, 'perf_event ref-cycles'],
      [{ kind: 'event', type: 4, config: 0xc0n, cookie }, 'perf_event type 4, config 192'],
      [{ kind: 'kprobe_multi', count: 2, flags: 1, missed: 0n, addresses: [0n, 0n], cookies: [] }, 'kretprobe.multi at 2 functions'],
      [{ kind: 'uprobe_multi', path: '/bin/sh', count: 1, flags: 0, pid: 0, offsets: [1n], cookies: [0n] }, 'uprobe.multi//bin/sh, 1 place'],
    ];
    for (const [target, expected] of table) expect(where(target)).toBe(expected);
    expect(placeOf({ type: 99, id: 1, progId: 1, target: undefined })).toBeUndefined();
  });

  it('is looked up in the control groups that are given', () => {
    const cgroups = new Map([[7n, '/sys/fs/cgroup/a']]);
    let reads = 0;
    const read = () => {
      reads++;
      return cgroups;
    };
    const links = [7n, 8n].map((cgroupId) => ({
      type: 0,
      id: 1,
      progId: 0,
      target: { kind: 'cgroup' as const, cgroupId, attachType: 8 },
    }));
    expect(links.map((link) => placeOf(link, read)?.where)).toEqual([
      'cgroup/bind4 of /sys/fs/cgroup/a',
      'cgroup/bind4 of 8',
    ]);
    expect(reads).toBe(2);
    placeOf({ type: 0, id: 1, progId: 0, target: { kind: 'xdp', ifindex: 1 } }, read);
    expect(reads).toBe(2); // they are read when they are needed
  });

  const root = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) => {
    try {
      return statSync(`${path}/cgroup.procs`).isFile();
    } catch {
      return false;
    }
  });
  const note = root ? '' : ' (skipped: no cgroup2 is mounted)';

  it.skipIf(!root)(`is the directory of a control group${note}`, () => {
    const directory = `${root}/beespoke-places-${process.pid}`;
    mkdirSync(directory);
    try {
      const hook = parseSection('cgroup/sock_create')!;
      const program = { ...socketFilter([mov(r0, 1), exit()]), hook };
      using loaded = loadObject(object({ license: 'GPL', programs: { program } }));
      using link = loaded.programs.program.attach({ cgroup: directory });
      const { where, details } = placeOf(linkInfo(link.fd))!;
      expect(where).toBe(`cgroup/sock_create of ${directory}`);
      expect(details).toMatchObject({
        attachType: 'cgroup/sock_create',
        cgroup: directory,
        cgroupId: statSync(directory, { bigint: true }).ino,
      });
    } finally {
      rmdirSync(directory);
    }
  });
});
