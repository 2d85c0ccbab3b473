/**
 * What `doctor` finds out about the kernel, against what our tables and the configuration say; and whether `prog`, `map`
 * and `link` show what a program is attached to, who holds it and what is in its map.
 */
import { loadedProgram } from '../../../src/cli/disasm-loaded.ts';
import { featureFindings } from '../../../src/cli/doctor-features.ts';
import type { Topic } from '../../../src/cli/doctor-finding.ts';
import { kernelFindings } from '../../../src/cli/doctor-kernel.ts';
import { processFindings } from '../../../src/cli/doctor-process.ts';
import { toolNames } from '../../../src/cli/tools.ts';
import {
  exit,
  fentry,
  hash,
  kprobe,
  kprobeMulti,
  mov,
  object,
  r0,
  u32,
  u64,
} from '../../../src/index.ts';
import { findHolders } from '../../../src/kernel/holders.ts';
import { KernelWorld, loadObject } from '../../../src/kernel/index.ts';
import { placeOf } from '../../../src/kernel/link-places.ts';
import { loaded, loadedById } from '../../../src/kernel/loaded.ts';
import { MapContents } from '../../../src/kernel/map-contents.ts';
import { PROGRAM_TYPES } from '../../../src/kernel/program-types.ts';
import { MAP_TYPES } from '../../../src/object/index.ts';
import { hasAtLeast, same } from './check.ts';

const world = new KernelWorld();

const isThere = (since: string, option: string | undefined): boolean =>
  hasAtLeast(since) &&
  (option === undefined || ['y', 'm'].includes(world.configuration(option) ?? ''));

/** Ways of attaching, with their first kernels and options. Hardware events are not emulated, and so not here. */
// biome-ignore format: a table
const ATTACHING: readonly (readonly [name: string, since: string, option?: string])[] = [
  ['kprobe', '4.17', 'CONFIG_KPROBE_EVENTS'],
  ['kprobe.multi', '5.18', 'CONFIG_FPROBE'],
  ['kprobe.session', '6.10', 'CONFIG_FPROBE'],
  ['uprobe', '4.17', 'CONFIG_UPROBE_EVENTS'],
  ['uprobe.multi', '6.6', 'CONFIG_UPROBE_EVENTS'],
  ['tracepoint', '4.7'],
  ['tracepoint/syscalls', '4.7', 'CONFIG_FTRACE_SYSCALLS'],
  ['raw_tp', '4.17'],
  ['tp_btf', '5.5'],
  ['fentry', '5.5', 'CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS'],
  ['fexit', '5.5', 'CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS'],
  ['fmod_ret', '5.7', 'CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS'],
  ['fsession', '7.0', 'CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS'],
  ['fentry.multi', '7.2', 'CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS'],
  ['lsm', '5.7', 'CONFIG_BPF_LSM'],
  ['lsm_cgroup', '6.0', 'CONFIG_BPF_LSM'],
  ['iter', '5.8'],
  ['perf_event software', '4.9'],
  ['tcx', '6.6', 'CONFIG_NET_XGRESS'],
  ['netkit', '6.7', 'CONFIG_NETKIT'],
  ['netfilter', '6.4', 'CONFIG_NETFILTER_BPF_LINK'],
  ['struct_ops/tcp_congestion_ops', '5.6'],
  ['struct_ops/sched_ext_ops', '6.12', 'CONFIG_SCHED_CLASS_EXT'],
];

/** For a machine of our own: others may forbid anything. */
export const doctorAgrees = (): string => {
  const findings = [...kernelFindings(), ...processFindings(), ...featureFindings(false)];
  const there = (topic: Topic, less: readonly string[] = []): string[] =>
    findings
      .filter((each) => each.topic === topic && each.state === 'yes' && !less.includes(each.name))
      .map(({ name }) => name);
  const programs = Object.entries(PROGRAM_TYPES).filter(([, { since, option }]) =>
    isThere(since, option),
  );
  const maps = Object.entries(MAP_TYPES).filter(([, { since }]) => hasAtLeast(since));
  const ways = ATTACHING.filter(([, since, option]) => isThere(since, option));
  const nameOf = ([name]: readonly [string, ...unknown[]]): string => name;
  same('types of programs', there('program types'), programs.map(nameOf));
  same('types of maps', there('map types'), maps.map(nameOf));
  same('ways of attaching', there('attaching', ['perf_event hardware']), ways.map(nameOf));
  same('tools', there('tools'), toolNames());
  const mute = findings.filter(({ state, advice }) => state !== 'yes' && !advice);
  same('findings without advice', mute, []);
  const helpers = there('helpers').length;
  return `${programs.length} types of programs, ${helpers} helpers, ${ways.length} ways of attaching`;
};

/** What is loaded is shown with its holder, its values and the function that it is at. */
export const loadedIsShown = (): string => {
  const done = [mov(r0, 0), exit()];
  // arm64 has trampolines since Linux 6.0.
  const byTrampoline = process.arch === 'x64' || hasAtLeast('6.0');
  const program = byTrampoline ? fentry('vfs_statx', done) : kprobe('vfs_statx', done);
  const counts = hash(u32, u64, { maxEntries: 8 });
  using ours = loadObject(object({ license: 'GPL', maps: { counts }, programs: { program } }));
  ours.attach();
  ours.maps.counts.set(7, 2n ** 60n);
  const { id } = ours.programs.program.info();
  const map = loadedById('map', ours.maps.counts.info().id);
  if (!map) throw new Error('the map is not there');
  same('name of the program', loadedById('prog', id)?.name, 'program');
  const holders = findHolders();
  const pids = (kind: 'prog' | 'map', id: number) => holders(kind, id).map(({ pid }) => pid);
  same('holders of the program', pids('prog', id), [process.pid]);
  same('holders of the map', pids('map', map.id), [process.pid]);
  using contents = new MapContents(map);
  const entries = [...contents.entries()].map((entry) => contents.toJson(entry));
  same('entries', entries, [{ key: 7, value: String(2n ** 60n) }]);
  const places = [...loaded('link')]
    .filter(({ progId }) => progId === id)
    .map((link) => placeOf(link));
  const { section } = program.hook;
  // Links do not say what they trace before 5.13, and those of perf events not where they are before 6.6.
  if (hasAtLeast(byTrampoline ? '5.13' : '6.6'))
    same(
      'where the link is',
      places.map((place) => place?.where),
      [section],
    );
  const listed = loadedProgram(id);
  same('the listing', 'instructions' in listed && listed.instructions.length > 1, true);
  return isThere('6.9', 'CONFIG_FPROBE') ? `${section}, ${manyAreShown()}` : section;
};

/** A link to several functions names them: addresses are told since 6.6, where cookies are since 6.9. */
const manyAreShown = (): string => {
  const program = kprobeMulti('vfs_statx', [mov(r0, 0), exit()]);
  using ours = loadObject(object({ license: 'GPL', programs: { program } }));
  ours.attach();
  const [link] = ours.links;
  const place = placeOf(link!.info());
  same('where the link is', place?.where, 'kprobe.multi at vfs_statx');
  same('the functions', place?.details.functions, ['vfs_statx']);
  return program.hook.section;
};
