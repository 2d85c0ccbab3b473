/** Checks of programs of routes. Each sees real packets of `lo` that take its route. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { LWT_ACTION, lwt } from '../../src/index.ts';
import {
  arrives,
  type Check,
  counting,
  LO,
  sendRaw,
  thrownBy,
  udp,
  withObject,
} from './attach-support.ts';

const { BPF_OK, BPF_DROP } = LWT_ACTION;
const ADDRESS = '10.99.0.1';
const SEGMENT = 'fd00:99::1';

/** A socket at an address that a route makes one of this machine. */
const receiver = (): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind(0, ADDRESS, () => resolve(socket));
  });

/** What goes to an address is dropped, then goes through, and finds no route when the link is closed. */
const seesPackets = (at: 'in' | 'out' | 'xmit'): Promise<void> =>
  withObject(
    counting((body) => lwt(at, body), BPF_DROP, BPF_OK),
    async ({ programs: { first, second }, maps: { counter } }) => {
      const place = { route: `${ADDRESS}/32`, interface: 'lo', local: true };
      using link = first.attach(place);
      assert.equal(link.how, 'netlink');
      assert.equal(link.hook, `lwt_${at} on the route ${ADDRESS}/32 through lo`);
      assert.match(thrownBy(() => second.attach(place)).message, /EEXIST/);
      const from = await udp();
      const to = await receiver();
      try {
        assert.equal(await arrives(from, to), false);
        assert.ok(counter.get('first') > 0, 'the program has not run');
        link.update(second);
        assert.equal(await arrives(from, to), true);
        const runs = counter.get('second');
        assert.ok(runs > 0, 'the second program has not run');
        link.close();
        await arrives(from, to);
        assert.equal(counter.get('second'), runs);
        await assert.rejects(receiver(), { code: 'EADDRNOTAVAIL' });
      } finally {
        from.close();
        to.close();
      }
    },
  );

/** `fd00:99::N` */
const segment = (last: number): number[] => [0xfd, 0, 0, 0x99, ...Array<number>(11).fill(0), last];
const ROUTING_HEADER = 43;
const NO_NEXT_HEADER = 59;
/** An IPv6 packet with a segment routing header of two segments, of which one is left (RFC 8754). */
const SEGMENTED = [
  ...[0x60, 0, 0, 0, 0, 40, ROUTING_HEADER, 64, ...segment(2), ...segment(1)],
  ...[NO_NEXT_HEADER, 4, 4, 1, 1, 0, 0, 0, ...segment(3), ...segment(1)],
];

export const routeChecks: readonly Check[] = [
  ...(['in', 'out', 'xmit'] as const).map(
    (at): Check => ({
      name: `a program of a route sees its packets: lwt_${at}`,
      hook: `lwt_${at}`,
      way: 'netlink',
      option: 'CONFIG_LWTUNNEL_BPF',
      run: () => seesPackets(at),
    }),
  ),
  {
    name: 'a program at the end of an IPv6 segment sees its packets',
    hook: 'lwt_seg6local',
    way: 'netlink',
    option: 'CONFIG_IPV6_SEG6_BPF',
    run: () =>
      withObject(
        counting((body) => lwt('seg6local', body), BPF_DROP),
        ({ programs: { first, second }, maps: { counter } }) => {
          const place = { route: `${SEGMENT}/128`, interface: 'lo', local: true };
          using link = first.attach(place);
          sendRaw(LO, SEGMENTED);
          assert.equal(counter.get('first'), 1);
          link.update(second);
          sendRaw(LO, SEGMENTED);
          assert.equal(counter.get('second'), 1);
          link.close();
          sendRaw(LO, SEGMENTED);
          assert.deepEqual([counter.get('first'), counter.get('second')], [1, 1]);
          const refused = (more: object) =>
            thrownBy(() => first.attach({ ...place, ...more })).message;
          assert.match(
            refused({ route: '10.0.0.0/33' }),
            /a route to a network, as 10\.1\.0\.0\/16/,
          );
          assert.match(refused({ via: '10.0.0.1' }), /an address of IPv6, got "10\.0\.0\.1"/);
        },
      ),
  },
];
