/** Checks of XDP programs in the values of maps: packets of a pair of interfaces are redirected through them. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AnyMap,
  type AnyMapSpec,
  atomicAdd,
  type Code,
  call,
  exit,
  globals,
  helper,
  lea,
  mov,
  object,
  parseHook,
  r0,
  r1,
  r2,
  u32,
  u64,
  XDP_ACTION,
  xdp,
  xdpFragments,
  xdpRedirected,
} from '../../src/index.ts';
import { mapUpdate } from '../../src/syscall/index.ts';
import {
  type Check,
  Counter,
  PATIENCE_MS,
  sendRaw,
  thrownBy,
  up,
  withObject,
} from './attach-support.ts';
import { devicePair } from './device-pair.ts';

const { XDP_DROP, XDP_PASS } = XDP_ACTION;

/** Values are `struct bpf_devmap_val` or `struct bpf_cpumap_val`: where to, and the descriptor of a program. */
const targets = (type: 'devmap' | 'cpumap'): AnyMapSpec => ({
  kind: 'map',
  type,
  key: u32,
  value: u64,
  maxEntries: 1,
  flags: 0,
  extra: 0,
  bufferSize: 0,
});

const counted = (counter: AnyMap, field: 'first' | 'second'): Code => [
  lea(r1, counter),
  mov(r2, 1),
  atomicAdd(Counter.at(r1)[field], r2),
];

/** Sends what comes in to the only entry of a map, with a program that drops it there. */
const redirecting = (type: 'devmap' | 'cpumap', fragments: boolean) => {
  const counter = globals(Counter);
  const map = targets(type);
  const make = fragments ? xdpFragments : xdp;
  const redirected = xdpRedirected(type, [counted(counter, 'second'), mov(r0, XDP_DROP), exit()]);
  return object({
    license: 'GPL',
    maps: { counter, map },
    programs: {
      redirect: make([counted(counter, 'first'), call(helper.redirect_map, map, 0, 0), exit()]),
      redirected: fragments ? { ...redirected, hook: parseHook(`xdp.frags/${type}`) } : redirected,
      pass: make([mov(r0, XDP_PASS), exit()]),
    },
  });
};

/** How many packets wait for another CPU. */
const QUEUE = 64;

const redirects = (type: 'devmap' | 'cpumap', fragments: boolean): Promise<void> =>
  withObject(redirecting(type, fragments), async ({ programs, maps: { counter, map } }) => {
    const { redirect, redirected, pass } = programs;
    const pair = devicePair('veth');
    try {
      const [from, to] = pair.indices;
      for (const index of pair.indices) up(index);
      const value = Uint32Array.of(type === 'devmap' ? to : QUEUE, redirected.fd);
      mapUpdate(map.fd, new Uint8Array(4), new Uint8Array(value.buffer));
      // A veth takes redirected packets if its peer has a program too.
      using _peer = pass.attach({ interface: from, mode: 'driver' });
      using _link = redirect.attach({ interface: to, mode: 'driver' });
      sendRaw(from);
      for (let waited = 0; counter.get('second') === 0 && waited < PATIENCE_MS; waited += 10)
        await sleep(10);
      const { first, second } = counter.values();
      assert.ok(first > 0, 'nothing has come in');
      assert.ok(second > 0, 'the program in the map has not run');
      assert.match(
        thrownBy(() => redirected.attach()).message,
        /put its descriptor into the value/,
      );
    } finally {
      pair.remove();
    }
  });

export const redirectChecks: readonly Check[] = (
  [
    ['xdp', 'devmap', '5.8', 'on its way out'],
    ['xdp', 'cpumap', '5.9', 'on another CPU'],
    ['xdp.frags', 'devmap', '5.18', 'on its way out'],
    ['xdp.frags', 'cpumap', '5.18', 'on another CPU'],
  ] as const
).map(([hook, type, since, where]) => ({
  name: `${hook} in a ${type} sees a redirected packet ${where}`,
  hook: `${hook}/${type}`,
  way: 'map',
  option: 'CONFIG_VETH',
  since,
  run: () => redirects(type, hook === 'xdp.frags'),
}));
