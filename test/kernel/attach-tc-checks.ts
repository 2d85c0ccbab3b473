/** Checks of programs of traffic control: links and filters. Each sees real packets, on `lo` or a pair of its own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type Code, netkit, type ProgramSpec, parseHook, tc, tcx } from '../../src/index.ts';
import { ownedName } from '../../src/kernel/abandoned-filters.ts';
import { attachedPrograms, type Feature, type Link } from '../../src/kernel/index.ts';
import {
  addClsact,
  deleteClsact,
  deleteFilter,
  filtersOf,
  hasClsact,
  setFilter,
} from '../../src/syscall/index.ts';
import { NLM_F, routeRequest } from '../../src/syscall/netlink.ts';
import { nestedAttribute, textAttribute, u32Attribute } from '../../src/syscall/netlink-message.ts';
import {
  type Check,
  counting,
  LO,
  passes,
  sendRaw,
  thrownBy,
  up,
  withObject,
} from './attach-support.ts';
import { devicePair } from './device-pair.ts';

const TC_PASS = 0;
const TC_DROP = 2;

const idsAt = (...query: Parameters<typeof attachedPrograms>): number[] =>
  attachedPrograms(...query).programs.map(({ id }) => id);

const RTM_NEWTFILTER = 44;
const [TCA_KIND, TCA_OPTIONS] = [1, 2];
const [TCA_BPF_ACT, TCA_BPF_FD, TCA_BPF_NAME] = [1, 6, 7];
const [TCA_ACT_KIND, TCA_ACT_OPTIONS] = [1, 2];
const [TCA_ACT_BPF_PARMS, TCA_ACT_BPF_FD, TCA_ACT_BPF_NAME] = [2, 5, 6];
const INGRESS = 0xffff_fff2;
const EVERY_PROTOCOL = 0x0300;

/** A filter at `lo` that takes every packet, and has a program decide what becomes of it. */
const addFilter = (filterFd: number, actionFd: number): void => {
  // struct tcmsg; struct tc_act_bpf, whose third number is for what the program does not decide: TC_ACT_PIPE
  const header = new Uint8Array(Uint32Array.of(0, LO, 0, INGRESS, EVERY_PROTOCOL).buffer);
  const parameters = new Uint8Array(Uint32Array.of(0, 0, 3, 0, 0).buffer);
  routeRequest({
    call: 'RTM_NEWTFILTER',
    attempt: 'add a filter with an action',
    type: RTM_NEWTFILTER,
    flags: NLM_F.CREATE | NLM_F.EXCL,
    header,
    attributes: [
      textAttribute(TCA_KIND, 'bpf'),
      nestedAttribute(
        TCA_OPTIONS,
        u32Attribute(TCA_BPF_FD, filterFd),
        textAttribute(TCA_BPF_NAME, 'filter'),
        nestedAttribute(
          TCA_BPF_ACT,
          nestedAttribute(
            1,
            textAttribute(TCA_ACT_KIND, 'bpf'),
            nestedAttribute(
              TCA_ACT_OPTIONS,
              { type: TCA_ACT_BPF_PARMS, bytes: parameters },
              u32Attribute(TCA_ACT_BPF_FD, actionFd),
              textAttribute(TCA_ACT_BPF_NAME, 'action'),
            ),
          ),
        ),
      ),
    ],
  });
};

/** The result of a filter that takes a packet, and leaves the rest to its actions. */
const TAKEN = -1;
const toAction = (body: Code): ProgramSpec => ({ ...tc(body), hook: parseHook('action') });

export const tcChecks: readonly Check[] = [
  {
    name: 'an action of a filter drops packets',
    hook: 'action',
    way: 'netlink',
    option: 'CONFIG_NET_ACT_BPF',
    run: () =>
      withObject(counting(tc, TAKEN), ({ programs: { first: filter } }) =>
        withObject(counting(toAction, TC_DROP), async ({ programs, maps: { counter } }) => {
          assert.equal(addClsact(LO), true);
          try {
            addFilter(filter.fd, programs.first.fd);
            assert.equal(await passes(), false);
            assert.ok(counter.get('first') > 0, 'the program has not run');
          } finally {
            deleteClsact(LO);
          }
          assert.equal(await passes(), true);
          assert.match(
            thrownBy(() => programs.first.attach()).message,
            /they are actions of filters: tc filter add \.\.\. action bpf/,
          );
        }),
      ),
  },
  ...(['ingress', 'egress'] as const).map(
    (direction): Check => ({
      name: `a TCX link at ${direction} drops, is updated and closed`,
      hook: `tcx/${direction}`,
      way: 'link',
      since: '6.6',
      run: () =>
        withObject(
          counting((body) => tcx(direction, body), TC_DROP, TC_PASS),
          async ({ programs: { first, second }, maps: { counter } }) => {
            using link = first.attach({ interface: 'lo' });
            const attachType = direction === 'ingress' ? 46 : 47;
            assert.deepEqual(link.info().target, { kind: 'tcx', ifindex: LO, attachType });
            assert.equal(await passes(), false);
            assert.ok(counter.get('first') > 0);
            link.update(second);
            assert.equal(await passes(), true);
            assert.ok(counter.get('second') > 0);
            assert.deepEqual(attachedPrograms(`tcx/${direction}`, { interface: 'lo' }).programs, [
              { id: second.info().id, linkId: link.info().id },
            ]);
            link.close();
            assert.deepEqual(idsAt(`tcx/${direction}`, { interface: 'lo' }), []);
            assert.equal(hasClsact(LO), false);
          },
        ),
    }),
  ),
  {
    name: 'TCX links have an order',
    hook: 'tcx/ingress',
    way: 'in order',
    since: '6.6',
    run: () =>
      withObject(
        counting((body) => tcx('ingress', body), TC_PASS),
        ({ programs: { first, second } }) => {
          const links: Link[] = [];
          const at = { interface: 'lo' };
          const order = () =>
            attachedPrograms('tcx/ingress', at).programs.map(({ linkId }) =>
              links.findIndex((link) => link.info().id === linkId),
            );
          try {
            links.push(first.attach(at));
            links.push(second.attach({ ...at, before: links[0]! }));
            assert.deepEqual(order(), [1, 0]);
            links[1]!.close();
            links.pop();
            links.push(second.attach({ ...at, after: { linkId: links[0]!.info().id } }));
            assert.deepEqual(order(), [0, 1]);
            links.pop()!.close();
            links.push(second.attach({ ...at, before: first }));
            assert.deepEqual(order(), [1, 0]);
            links.pop()!.close();
            const { revision } = attachedPrograms('tcx/ingress', at);
            links.push(second.attach({ ...at, before: 'all', revision }));
            assert.deepEqual(order(), [1, 0]);
            links.pop()!.close();
            assert.match(
              thrownBy(() => links.push(second.attach({ ...at, revision }))).message,
              /ESTALE/,
            );
            assert.match(
              thrownBy(() => second.attach({ ...at, before: 'all', after: 'all' })).message,
              /before another one or after it, not both/,
            );
          } finally {
            for (const link of links) link.close();
          }
        },
      ),
  },
  ...(
    [
      ['tcx', () => counting((body) => tcx('egress', body), TC_DROP, TC_PASS), ['tcx'], {}],
      ['tc', () => counting(tc, TC_DROP, TC_PASS), [], { direction: 'egress' }],
    ] as const
  ).map(
    ([kind, spec, without, more]): Check => ({
      name: `${kind} programs are filters at a clsact qdisc that comes and goes with them`,
      hook: kind === 'tc' ? 'tc' : 'tcx/egress',
      way: 'netlink',
      run: () =>
        withObject(
          spec(),
          async ({ programs: { first, second } }) => {
            using link = first.attach({ interface: 'lo', ...more });
            assert.equal(link.how, 'netlink');
            assert.equal(link.hook, `${kind}/egress on lo`);
            assert.equal(hasClsact(LO), true);
            assert.equal(await passes(), false);
            link.update(second);
            assert.equal(await passes(), true);
            assert.deepEqual(idsAt('tc', { interface: 'lo', direction: 'egress' }), [
              second.info().id,
            ]);
            link.close();
            link.close();
            assert.equal(hasClsact(LO), false);
          },
          without as readonly Feature[],
        ),
    }),
  ),
  {
    name: 'a tc program can be a TCX link',
    hook: 'tc',
    way: 'link',
    since: '6.6',
    run: () =>
      withObject(counting(tc, TC_DROP), async ({ programs: { first } }) => {
        using link = first.attach({ interface: 'lo', direction: 'ingress', through: 'tcx' });
        assert.equal(link.how, 'link');
        assert.equal(await passes(), false);
      }),
  },
  {
    name: 'filters have priorities, and leave the qdisc of another',
    hook: 'tc',
    run: () =>
      withObject(counting(tc, TC_PASS), ({ programs: { first, second } }) => {
        const at = { interface: 'lo', direction: 'ingress' } as const;
        assert.equal(addClsact(LO), true);
        using one = first.attach({ ...at, priority: 20 });
        using two = second.attach({ ...at, priority: 10, handle: 5 });
        assert.deepEqual(
          attachedPrograms('tc', at).programs.map(({ id, priority, handle }) => [
            id,
            priority,
            handle,
          ]),
          [
            [second.info().id, 10, 5],
            [first.info().id, 20, 1],
          ],
        );
        assert.match(
          thrownBy(() => second.attach({ ...at, priority: 10, handle: 5 })).message,
          /EEXIST/,
        );
        one.close();
        two.close();
        assert.equal(hasClsact(LO), true);
        deleteClsact(LO);

        using maker = first.attach(at);
        const { fd: progFd } = second;
        const foreign = setFilter({ index: LO, direction: 'egress', progFd, name: 'foreign' });
        maker.close();
        assert.equal(hasClsact(LO), true);
        assert.equal(deleteFilter(LO, foreign), true);
        assert.equal(filtersOf(LO, 'egress').length, 0);
        deleteClsact(LO);
      }),
  },
  {
    name: 'filters that a killed process has left are removed by the next, and only they',
    hook: 'tc',
    run: () =>
      withObject(counting(tc, TC_PASS), ({ programs: { first } }) => {
        const { pid } = spawnSync('true');
        const { fd: progFd } = first;
        const at = { index: LO, direction: 'egress', progFd } as const;
        const names = () =>
          (['ingress', 'egress'] as const).flatMap((direction) =>
            filtersOf(LO, direction).flatMap(({ name }) => name ?? []),
          );
        addClsact(LO);
        setFilter({ ...at, name: ownedName('left', true, pid) });
        setFilter({ ...at, direction: 'ingress', name: ownedName('left', false, pid) });
        const link = first.attach({ interface: 'lo', direction: 'ingress' });
        assert.deepEqual(names(), [ownedName(`first:[${first.info().id}]`, true)]);
        link.close();
        assert.equal(hasClsact(LO), false);

        addClsact(LO);
        const living = ownedName('living', true);
        const elsewhere = ownedName('elsewhere', true, pid).replace(/pid:\[\d/, 'pid:[9');
        const kept = [living, elsewhere, 'foreign'];
        for (const name of kept) setFilter({ ...at, name });
        setFilter({ ...at, name: ownedName('left', true, pid) });
        first.attach({ interface: 'lo', direction: 'ingress' }).close();
        assert.deepEqual(names().sort(), kept.sort());
        deleteClsact(LO);
      }),
  },
  {
    name: 'a tc program needs a direction, and filters no order',
    hook: 'tc',
    run: () =>
      withObject(counting(tc, TC_PASS), ({ programs: { first } }) => {
        assert.equal(
          thrownBy(() => first.attach({ interface: 'lo' })).message,
          "first: tc does not say which packets it sees: { direction: 'ingress' } or 'egress'",
        );
        assert.match(
          thrownBy(() => first.attach({ interface: 'lo', direction: 'ingress', before: 'all' }))
            .message,
          /filters are ordered by \{ priority \}/,
        );
        assert.match(
          thrownBy(() =>
            first.attach({ interface: 'lo', direction: 'egress', through: 'tcx', priority: 1 }),
          ).message,
          /\{ priority \} and \{ handle \} go with \{ through: 'clsact' \}/,
        );
        assert.equal(hasClsact(LO), false);
      }),
  },
  ...(['primary', 'peer'] as const).map(
    (side): Check => ({
      name: `a netkit link sees what the ${side} sends`,
      hook: `netkit/${side}`,
      way: 'link',
      option: 'CONFIG_NETKIT',
      since: '6.7',
      run: () =>
        withObject(
          counting((body) => netkit(side, body), TC_DROP, TC_PASS),
          ({ programs: { first, second }, maps: { counter } }) => {
            const pair = devicePair('netkit');
            try {
              const [primary, peer] = pair.indices;
              up(primary);
              up(peer);
              const sender = side === 'primary' ? primary : peer;
              // The kernel itself may send there as well.
              const seen = (name: 'first' | 'second', send = () => sendRaw(sender)) => {
                const before = counter.get(name);
                send();
                return counter.get(name) > before;
              };
              const refused = () =>
                assert.match(thrownBy(() => sendRaw(sender)).message, /ENOBUFS/);
              using link = first.attach({ interface: 'netkit0' });
              assert.equal(link.how, 'link');
              assert.equal(seen('first', refused), true);
              link.update(second);
              assert.deepEqual(idsAt(`netkit/${side}`, { interface: 'netkit0' }), [
                second.info().id,
              ]);
              assert.equal(seen('second'), true);
              link.close();
              assert.equal(seen('second'), false);
            } finally {
              pair.remove();
            }
          },
        ),
    }),
  ),
];
