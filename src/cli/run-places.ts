/**
 * @module
 * Where the programs of a file are attached, as far as their sections do not say it: `--interface eth0` for `xdp`. Each
 * option gives its place to all programs that lack one; a file has only those that it has programs for.
 */
import { type AttachOptions, attachTakes, canAttach } from '../kernel/attach.ts';
import { parseUprobe } from '../kernel/attach-uprobe.ts';
import { parseUsdt } from '../kernel/attach-usdt.ts';
import type { LoadedObject } from '../kernel/index.ts';
import { featuresWithout } from '../kernel/without.ts';
import { type Hook, type ObjectSpec, variantsOf } from '../object/index.ts';
import type { Option, OptionTable } from '../programs/tool.ts';
import { isAtLeast } from '../syscall/index.ts';
import { UsageError } from './errors.ts';
import { type Given, helpOf } from './options.ts';

interface PlaceOption {
  readonly option: Option;
  /** Whether a program at this hook cannot do without it. */
  readonly isNeeded: (hook: Hook) => boolean;
  /** What it says, in the words of `attach()`. */
  readonly read: (given: string, hook: Hook) => object;
}

const takes = (hook: Hook, ...names: readonly string[]): boolean =>
  names.some((name) => attachTakes(hook).includes(name));
/** Whether it takes one of these, and its section says nothing. */
const lacks =
  (...names: readonly string[]) =>
  (hook: Hook): boolean =>
    takes(hook, ...names) && !canAttach(hook);

const wrong = (flag: string, expected: string, given: unknown): never => {
  throw new UsageError(`${flag} takes ${expected}, got ${JSON.stringify(given)}`);
};

/** By their camelCase names, in the order of the help. */
const PLACES: Readonly<Record<string, PlaceOption>> = {
  interface: {
    option: {
      type: 'text',
      placeholder: 'NAME',
      help: 'the network interface of xdp, tc, tcx, netkit and lwt programs',
    },
    isNeeded: lacks('interface'),
    read: (name) => ({ interface: name }),
  },
  route: {
    option: {
      type: 'text',
      placeholder: 'NETWORK',
      help: 'where the packets go that lwt programs see, as 10.1.0.0/16',
    },
    isNeeded: lacks('route'),
    read: (route) =>
      // Not imported: that would make every tool 3 ms slower to start.
      process.getBuiltinModule('node:net').isIP(route.replace(/\/\d+$/, '')) !== 0
        ? { route }
        : wrong('--route', 'a network, as 10.1.0.0/16', route),
  },
  direction: {
    option: {
      type: 'text',
      placeholder: 'WAY',
      help: 'ingress or egress, for programs in the sections tc and cgroup/skb',
    },
    isNeeded: ({ type }) => type === 'tc' || type === 'cgroup/skb',
    read: (direction) =>
      direction === 'ingress' || direction === 'egress'
        ? { direction }
        : wrong('--direction', 'ingress or egress', direction),
  },
  cgroup: {
    option: {
      type: 'text',
      placeholder: 'PATH',
      help: 'the cgroup2 directory of cgroup, sockops and lsm_cgroup programs',
    },
    // Other iterators can do without one.
    isNeeded: (hook) => lacks('cgroup')(hook) && (hook.type !== 'iter' || hook.name === 'cgroup'),
    read: (cgroup) => ({ cgroup }),
  },
  netns: {
    option: {
      type: 'text',
      placeholder: 'PATH',
      help: 'the network namespace of flow_dissector and sk_lookup programs, as /proc/self/ns/net',
    },
    isNeeded: lacks('netns'),
    read: (netns) => ({ netns }),
  },
  netfilter: {
    option: {
      type: 'text',
      placeholder: 'PLACE',
      help: 'FAMILY:HOOK:PRIORITY of netfilter programs, as ipv4:input:100',
    },
    isNeeded: lacks('netfilter'),
    read: (place) => {
      const form = /^(ipv4|ipv6):(prerouting|input|forward|output|postrouting):(-?\d{1,10})$/;
      const [, family, hook, priority] = form.exec(place) ?? [];
      // The least number of 32 bits is kept for the kernel's own.
      if (hook === undefined || Math.abs(Number(priority)) >= 2 ** 31)
        return wrong('--netfilter', 'FAMILY:HOOK:PRIORITY, as ipv4:input:100', place);
      return { netfilter: { family, hook, priority: Number(priority) } };
    },
  },
  function: {
    option: {
      type: 'text',
      placeholder: 'FUNCTION',
      help: 'for kprobe programs, or as FILE:FUNCTION for uprobe programs',
    },
    isNeeded: lacks('function', 'functions'),
    read: (name, hook) => {
      const several = takes(hook, 'functions');
      if (!takes(hook, 'path')) return several ? { functions: [name] } : { function: name };
      const place = parseUprobe(name);
      if (!place)
        return wrong(
          '--function',
          `FILE:FUNCTION for ${hook.section} programs, as bash:readline`,
          name,
        );
      const { path, function: symbol, offset } = place;
      return several ? { path, functions: [symbol] } : { path, function: symbol, offset };
    },
  },
  probe: {
    option: {
      type: 'text',
      placeholder: 'PROBE',
      help: 'FILE:PROVIDER:NAME of usdt programs, as libc.so.6:libc:setjmp',
    },
    isNeeded: lacks('probe'),
    read: (probe) => parseUsdt(probe) ?? wrong('--probe', 'FILE:PROVIDER:NAME', probe),
  },
  sample: {
    option: {
      type: 'text',
      placeholder: 'EVENT',
      help: 'the event of perf_event programs, and how often a second, as cpu-clock:99',
    },
    isNeeded: lacks('event'),
    read: (sample) => {
      const [, event, frequency] = /^([a-z-]+):([1-9]\d{0,8})$/.exec(sample) ?? [];
      if (event === undefined) return wrong('--sample', 'EVENT:FREQUENCY, as cpu-clock:99', sample);
      return { event, frequency: Number(frequency) };
    },
  },
  pid: {
    option: {
      type: 'pid',
      thread: true,
      placeholder: 'PID',
      help: 'only in this process, for uprobe, usdt and perf_event programs',
    },
    isNeeded: () => false,
    read: (pid) => ({ pid: Number(pid) }),
  },
};

/** Whether a program at this hook has a use for an option. */
const isFor = (name: string, hook: Hook): boolean =>
  PLACES[name]!.isNeeded(hook) || (name === 'pid' && takes(hook, 'pid'));

const hooksOf = (spec: ObjectSpec): readonly Hook[] =>
  Object.values(spec.programs).flatMap((entry) => variantsOf(entry).map(({ hook }) => hook));

/** The options that programs of this object have a use for. */
export const placeTable = (spec: ObjectSpec): OptionTable =>
  tableOf((name) => hooksOf(spec).some((hook) => isFor(name, hook)));

const tableOf = (wanted: (name: string) => boolean): OptionTable =>
  Object.fromEntries(
    Object.entries(PLACES).flatMap(([name, { option }]) => (wanted(name) ? [[name, option]] : [])),
  );

/** All of them, for the help. */
export const placeHelp = (): readonly string[] => helpOf(tableOf(() => true));

/** What a program at this hook needs and was not given, as `--interface`; undefined where no option can place it. */
export const missingPlaces = (hook: Hook, given: Given): readonly string[] | undefined => {
  if (canAttach(hook)) return [];
  const needed = Object.keys(PLACES).filter((name) => PLACES[name]!.isNeeded(hook));
  if (needed.length === 0) return undefined;
  return needed.filter((name) => given[name] === undefined).map((name) => `--${name}`);
};

/** Where a program at this hook is attached; undefined where its section says all. */
export const placeOf = (hook: Hook, given: Given): AttachOptions | undefined => {
  const wanted = Object.keys(PLACES).filter(
    (name) => given[name] !== undefined && isFor(name, hook),
  );
  if (wanted.length === 0) return undefined;
  const places = wanted.map((name) => {
    if (given[name] === '') throw new UsageError(`--${name} lacks its value`);
    return PLACES[name]!.read(String(given[name]), hook);
  });
  // A filter would stay when this process is killed.
  const through = hook.type === 'tc' && hasTcx() ? { through: 'tcx' } : {};
  return Object.assign({}, ...places, through) as AttachOptions;
};

const hasTcx = (): boolean => isAtLeast('6.6') && !featuresWithout().has('tcx');

/** Attaches what was loaded. */
export const attachPlaced = (loaded: LoadedObject, given: Given): void => {
  const options = Object.values(loaded.programs).flatMap((program) => {
    const place = program && placeOf(program.spec.hook, given);
    return place ? [[program.name, place] as const] : [];
  });
  loaded.attach(Object.fromEntries(options));
};
