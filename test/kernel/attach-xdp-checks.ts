/** Checks of XDP programs at interfaces. Each sees real packets on `lo`. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  add,
  bytes,
  type Code,
  exit,
  jgt,
  jne,
  label,
  load,
  mov,
  object,
  r0,
  r1,
  r2,
  r3,
  r4,
  struct,
  tc,
  u8,
  u16,
  w2,
  w3,
  w4,
  XDP_ACTION,
  XdpContext,
  xdp,
  xdpFragments,
} from '../../src/index.ts';
import { attachedPrograms, unpin } from '../../src/kernel/index.ts';
import { interfaceInfo, xdpSet } from '../../src/syscall/index.ts';
import {
  type Check,
  counting,
  LO,
  PATIENCE_MS,
  passes,
  Skip,
  thrownBy,
  withObject,
} from './attach-support.ts';
import { BpfFileSystem } from './bpf-file-system.ts';
import { devicePair } from './device-pair.ts';

const { XDP_DROP, XDP_PASS } = XDP_ACTION;
const passing: Code = [mov(r0, XDP_PASS), exit()];

/** Ethernet, IPv4 without options, UDP. */
const Packet = struct('packet', {
  ethernet: bytes(12),
  type: u16,
  version: u8,
  service: u8,
  ip: bytes(7),
  protocol: u8,
  rest: bytes(10),
  source: u16,
  destination: u16,
});
const ETH_P_IP = 0x0800;
const IPPROTO_UDP = 17;
const BLOCKED = 7777;
const swapped = (value: number): number => ((value & 0xff) << 8) | (value >> 8);

/** Drops UDP to one port, by what is in the packet. */
const blockPort = () => {
  const pass = label('pass');
  const at = Packet.at(r2);
  return object({
    license: 'GPL',
    programs: {
      block: xdp([
        load(w2, XdpContext.at(r1).data),
        load(w3, XdpContext.at(r1).data_end),
        mov(r0, XDP_PASS),
        mov(r4, r2),
        add(r4, Packet.size),
        jgt(r4, r3, pass),
        load(w4, at.type),
        jne(w4, swapped(ETH_P_IP), pass),
        load(w4, at.protocol),
        jne(w4, IPPROTO_UDP, pass),
        load(w4, at.destination),
        jne(w4, swapped(BLOCKED), pass),
        mov(r0, XDP_DROP),
        pass,
        exit(),
      ]),
    },
  });
};

const idsAt = (...query: Parameters<typeof attachedPrograms>): number[] =>
  attachedPrograms(...query).programs.map(({ id }) => id);

const bpftool = (...words: readonly string[]): unknown => {
  try {
    return JSON.parse(execFileSync('bpftool', ['-j', ...words], { encoding: 'utf8' }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Skip('there is no bpftool');
  }
};

export const toolChecks: readonly Check[] = [
  {
    name: 'bpftool finds what is attached to an interface',
    hook: 'xdp',
    run: () =>
      withObject(
        object({ license: 'GPL', programs: { one: xdp(passing), two: tc(passing) } }),
        ({ programs: { one, two } }) => {
          using _one = one.attach({ interface: 'lo', mode: 'generic' });
          using _two = two.attach({ interface: 'lo', direction: 'ingress' });
          const [found] = bpftool('net', 'list') as [{ xdp: object[]; tc: object[] }];
          assert.deepEqual(found.xdp, [
            { devname: 'lo', ifindex: LO, mode: 'generic', id: one.info().id },
          ]);
          assert.equal(found.tc.length, 1);
          const { name, ...filter } = found.tc[0] as { name: string };
          assert.ok(name.startsWith(`two:[${two.info().id}] of beespoke ${process.pid} `), name);
          assert.equal((filter as { kind: string }).kind, 'clsact/ingress');
          assert.equal((filter as { id: number }).id, two.info().id);
        },
      ),
  },
];

export const xdpChecks: readonly Check[] = [
  {
    name: 'an XDP link drops packets by what is in them, until it is closed',
    hook: 'xdp',
    way: 'link',
    since: '5.9',
    run: () =>
      withObject(blockPort(), async ({ programs: { block } }) => {
        assert.equal(await passes(BLOCKED), true);
        using link = block.attach({ interface: 'lo' });
        assert.equal(link.how, 'link');
        assert.deepEqual(link.info().target, { kind: 'xdp', ifindex: LO });
        assert.equal(link.info().progId, block.info().id);
        assert.deepEqual(attachedPrograms('xdp', { interface: 'lo' }).programs, [
          { id: block.info().id, linkId: undefined, mode: 'generic' },
        ]);
        assert.equal(await passes(BLOCKED), false);
        assert.equal(await passes(), true);
        link.close();
        assert.equal(await passes(BLOCKED), true);
        assert.deepEqual(interfaceInfo(LO)!.xdp, {});
      }),
  },
  ...(['link', 'netlink'] as const).map(
    (how): Check => ({
      name: `XDP through ${how} is updated, and refused where there is one`,
      hook: 'xdp',
      way: how,
      ...(how === 'link' && { since: '5.9' }),
      run: () =>
        withObject(
          counting(xdp, XDP_DROP, XDP_PASS),
          async ({ programs: { first, second }, maps: { counter } }) => {
            using link = first.attach({ interface: LO, mode: 'generic' });
            assert.equal(link.how, how);
            assert.equal(await passes(), false);
            assert.ok(counter.get('first') > 0);
            assert.match(
              thrownBy(() => second.attach({ interface: LO, mode: 'generic' })).message,
              /lo has an XDP program already/,
            );
            link.update(second);
            assert.deepEqual(idsAt('xdp', { interface: LO }), [second.info().id]);
            assert.equal(await passes(), true);
            assert.ok(counter.get('second') > 0);
            if (how === 'netlink')
              assert.match(
                thrownBy(() => link.fd).message,
                /without a link, which needs Linux 5\.9/,
              );
            link.close();
            assert.deepEqual(idsAt('xdp', { interface: LO }), []);
          },
          how === 'netlink' ? ['xdpLink'] : [],
        ),
    }),
  ),
  {
    name: 'XDP through netlink leaves a program that another has put in its place',
    hook: 'xdp',
    run: () =>
      withObject(counting(xdp, XDP_PASS), ({ programs: { first, second } }) => {
        using link = first.attach({ interface: 'lo', through: 'netlink' });
        const flags = 2; // XDP_FLAGS_SKB_MODE
        xdpSet({ index: LO, progFd: second.fd, flags });
        assert.match(thrownBy(() => link.update(first)).message, /is not attached any more/);
        link.close();
        assert.deepEqual(idsAt('xdp', { interface: LO }), [second.info().id]);
        using replaced = first.attach({ interface: 'lo', through: 'netlink', replace: true });
        assert.deepEqual(idsAt('xdp', { interface: LO }), [first.info().id]);
        replaced.close();
        assert.deepEqual(interfaceInfo(LO)!.xdp, {});
      }),
  },
  {
    name: 'XDP runs in the driver of veth, and not of lo',
    hook: 'xdp',
    way: 'driver',
    since: '5.9',
    run: () =>
      withObject(counting(xdp, XDP_PASS), ({ programs: { first } }) => {
        assert.match(
          thrownBy(() => first.attach({ interface: 'lo', mode: 'driver' })).message,
          /cannot attach xdp on lo: its driver cannot run XDP programs in the mode 'driver'; 'generic' works/,
        );
        const pair = devicePair('veth');
        try {
          using link = first.attach({ interface: 'veth0' });
          assert.deepEqual(interfaceInfo('veth0')!.xdp, { driver: first.info().id });
          assert.deepEqual(link.info().target, { kind: 'xdp', ifindex: pair.indices[0] });
        } finally {
          pair.remove();
        }
      }),
  },
  {
    name: 'XDP for fragments is attached too',
    hook: 'xdp.frags',
    way: 'link',
    since: '5.18',
    run: () =>
      withObject(
        counting(xdpFragments, XDP_PASS),
        async ({ programs: { first }, maps: { counter } }) => {
          using _link = first.attach({ interface: 'lo' });
          assert.equal(await passes(), true);
          assert.ok(counter.get('first') > 0);
        },
      ),
  },
  {
    name: 'a link that is pinned outlives close(), and detach() ends it',
    hook: 'xdp',
    since: '5.9',
    run: () =>
      withObject(counting(xdp, XDP_DROP), async ({ programs: { first } }) => {
        const mounted = new BpfFileSystem();
        try {
          using link = first.attach({ interface: 'lo' });
          link.pin(`${mounted.path}/link`);
          link.close();
          assert.equal(await passes(), false);
          unpin(`${mounted.path}/link`);
          // The kernel lets go of it from a work queue.
          await sleep(PATIENCE_MS);
          assert.equal(await passes(), true);
          using again = first.attach({ interface: 'lo' });
          again.pin(`${mounted.path}/link`);
          again.detach();
          assert.equal(await passes(), true);
          assert.equal(again.info().progId, first.info().id);
          unpin(`${mounted.path}/link`);
        } finally {
          mounted.close();
        }
      }),
  },
  {
    name: 'an interface that is not there is named',
    hook: 'xdp',
    run: () =>
      withObject(counting(xdp, XDP_PASS), ({ programs: { first } }) => {
        assert.equal(
          thrownBy(() => first.attach({ interface: 'eth99' })).message,
          'there is no network interface eth99 in this network namespace: ip link lists those that are',
        );
        assert.equal(
          thrownBy(() => first.attach()).message,
          "first: xdp does not say where to attach it: attach({ interface: 'eth0' })",
        );
        assert.equal(
          thrownBy(() => first.attach({ cgroup: '/sys/fs/cgroup' })).message,
          'first: xdp programs are not attached with cgroup, but with interface, mode, through, replace',
        );
      }),
  },
];
