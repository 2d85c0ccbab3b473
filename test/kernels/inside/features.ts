/**
 * What the kernel has, against what our tables say; its types and those of a module; what is left after a tool was
 * killed; and how a refused program is explained.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { helperById } from '../../../src/asm/index.ts';
import {
  type Code,
  call,
  either,
  exit,
  fentry,
  fieldExists,
  hash,
  helper,
  kernelStruct,
  kprobe,
  load,
  mov,
  object,
  type ProgramSpec,
  r0,
  r1,
  socketFilter,
  stack,
  store,
  u32,
  u64,
} from '../../../src/index.ts';
import { KernelWorld, kernelBtf, loadObject, VerifierError } from '../../../src/kernel/index.ts';
import { type Hook, MAP_TYPES, type MapType, parseSection } from '../../../src/object/index.ts';
import { closeFd, fdById, interfaceInfo, isAtLeast } from '../../../src/syscall/index.ts';
import { sendRaw, up } from '../../kernel/attach-support.ts';
import { sees } from '../../kernel/attach-tracing-support.ts';
import {
  KPROBE_PROBE_CHECKS,
  PROBE_CHECKS,
  TRAMPOLINE_PROBE_CHECKS,
} from '../../kernel/probes-checks.ts';
import { rejectedReport } from '../../verifier/rejected-checks.ts';
import { check, needs, same, until } from './check.ts';
import { Command } from './command.ts';
import { doctorAgrees, loadedIsShown } from './doctor.ts';
import { streams } from './streams.ts';

const world = new KernelWorld();

/** Every type of map is there from the kernel on that our table says, and not before. */
const mapTypes = (): string => {
  const types = Object.keys(MAP_TYPES) as MapType[];
  const has = types.filter((type) => world.hasMap(type));
  const expected = types.filter((type) => isAtLeast(MAP_TYPES[type].since));
  same('types of maps', has, expected);
  return `${has.length} types`;
};

/** One of each program type that has helpers of its own. */
const SECTIONS = `
  socket kprobe/vfs_read tracepoint/sched/sched_switch perf_event tp_btf/sched_switch tc xdp
  raw_tp/sched_switch cgroup_skb/ingress cgroup/sock_create sockops sk_skb/stream_verdict sk_msg
  lwt_in lwt_xmit lwt_seg6local sk_reuseport cgroup/bind4 cgroup/connect4 cgroup/sysctl
  cgroup/getsockopt cgroup/setsockopt cgroup/dev flow_dissector sk_lookup lirc_mode2 syscall
  iter/task fentry/vfs_read lsm/file_open lsm.s/bprm_committed_creds uprobe.s
  kprobe.multi/vfs_read cgroup/recvmsg4
`
  .trim()
  .split(/\s+/);

/** Whether the kernel takes programs for a hook at all. */
const isThere = (hook: Hook): boolean => {
  const nothing = { ...socketFilter([mov(r0, 0), exit()]), hook };
  try {
    loadObject(object({ license: 'GPL', programs: { nothing } })).close();
    return true;
  } catch {
    return false;
  }
};

/** Helpers that are there only with an option of the kernel. */
const OPTIONS: Readonly<Record<string, string>> = {
  override_return: 'CONFIG_BPF_KPROBE_OVERRIDE',
  rc_repeat: 'CONFIG_BPF_LIRC_MODE2',
  rc_keydown: 'CONFIG_BPF_LIRC_MODE2',
  rc_pointer_rel: 'CONFIG_BPF_LIRC_MODE2',
};

/** Those that none of `SECTIONS` has: tcp_send_ack is for struct_ops. */
const UNTRIED = ['tcp_send_ack'];

const isConfigured = (name: string): boolean => {
  const option = OPTIONS[name];
  return option === undefined || world.configuration(option) === 'y';
};

/** Every helper is there from the kernel on that our table says, and not before. */
const helpers = (): string => {
  const hooks = SECTIONS.flatMap((section) => parseSection(section) ?? []).filter(isThere);
  const wrong: string[] = [];
  let count = 0;
  for (let id = 1; ; id++) {
    const known = helperById(id);
    if (!known) break;
    if (UNTRIED.includes(known.name)) continue;
    const has = hooks.some((hook) => world.hasHelper(id, hook));
    if (has) count++;
    if (has !== (isAtLeast(known.since) && isConfigured(known.name)))
      wrong.push(`${known.name} (${known.since}): ${has ? 'there' : 'not there'}`);
  }
  if (wrong.length > 0) throw new Error(wrong.join(', '));
  return `${count} helpers`;
};

const isaV4 = (): string => {
  same('instructions of version 4', world.isaV4, isAtLeast('6.6'));
  return world.isaV4 ? 'version 4' : 'version 3';
};

const types = (): string => {
  const btf = kernelBtf();
  if (!btf) throw new Error('the kernel has no BTF');
  for (const name of ['task_struct', 'file', 'sk_buff'])
    if (btf.findByName(name, 'struct') === undefined) throw new Error(`no struct ${name}`);
  const header = new DataView(readFileSync('/sys/kernel/btf/vmlinux').buffer).getUint32(4, true);
  return `header of ${header} bytes`;
};

/** A function of the module dummy, which is called for what is sent there. */
const FUNCTION = 'dummy_xmit';
const DUMMY = 'dummy0';

/** A program at the function sees a packet. */
const atModule = async (make: (body: Code) => ProgramSpec): Promise<string> => {
  const { index } = interfaceInfo(DUMMY)!;
  up(index);
  await sees({ make, act: () => sendRaw(index) });
  return FUNCTION;
};

/** A struct of the module veth, which no other kernel type has the name of. */
const VethPrivate = kernelStruct('veth_priv', { requested_headroom: u32, no_such_field: u32 });

/** CO-RE finds the types of modules. */
const moduleTypes = (): string => {
  needs('5.11');
  const has = (field: 'requested_headroom' | 'no_such_field') =>
    either(fieldExists(VethPrivate.at(r1)[field]), mov(r0, 1), mov(r0, 0));
  const found = (['requested_headroom', 'no_such_field'] as const).map((field) => {
    const program = socketFilter([has(field), exit()]);
    using loaded = loadObject(object({ license: 'GPL', programs: { program } }));
    return loaded.programs.program.testRun({ dataIn: new Uint8Array(64) }).returnValue;
  });
  same('what is found', found, [1, 0]);
  return 'veth_priv';
};

/** The ids of what a process holds: `prog_id 7`. */
const held = (pid: number): readonly (readonly [kind: 'prog' | 'map' | 'link', id: number])[] =>
  readdirSync(`/proc/${pid}/fdinfo`).flatMap((fd) => {
    const text = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
    return [...text.matchAll(/^(prog|map|link)_id:\s+(\d+)$/gm)].map(
      ([, kind, id]) => [kind as 'prog' | 'map' | 'link', Number(id)] as const,
    );
  });

const exists = (kind: 'prog' | 'map' | 'link', id: number): boolean => {
  const fd = fdById(kind, id);
  if (fd !== undefined) closeFd(fd);
  return fd !== undefined;
};

/** A tool that was killed leaves no program, map or link behind. */
const killed = async (): Promise<string> => {
  using command = new Command('opensnoop', '--json');
  await command.attached();
  const things = held(command.child.pid!);
  same(
    'programs of opensnoop',
    things.some(([kind]) => kind === 'prog'),
    true,
  );
  same(
    'maps of opensnoop',
    things.some(([kind]) => kind === 'map'),
    true,
  );
  await command.ended('SIGKILL');
  await until('they are gone', () => !things.some(([kind, id]) => exists(kind, id)));
  return 'nothing is left';
};

/** The forgotten null check, explained by its line of TypeScript and what the register held. */
const explained = (): string => {
  const starts = hash(u32, u64);
  const key = stack(u32);
  const program = socketFilter([
    store(key, 1),
    call(helper.map_lookup_elem, starts, key),
    load(r1, u64.at(r0)), // the forgotten check
    mov(r0, 0),
    exit(),
  ]);
  try {
    loadObject(object({ license: 'GPL', maps: { starts }, programs: { program } })).close();
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    const [line] = error.source;
    same('the text of the line', line?.text, 'load(r1, u64.at(r0)), // the forgotten check');
    same('the file', line?.file.endsWith('/features.ts'), true);
    same('the register', /^map_value_or_null/.test(error.registers.r0 ?? ''), true);
    same('the advice', error.message.includes('compare it with 0 first'), true);
    return 'its line of TypeScript';
  }
  throw new Error('the kernel accepted a forgotten null check');
};

/** `isOwn` says that the machine is there for the checks alone: modules may be inserted. */
export const checkFeatures = async (isOwn: boolean): Promise<void> => {
  await check('features', 'types of maps', mapTypes);
  // A kernel that does not allow all hooks does not show all helpers.
  if (isOwn) await check('features', 'helpers', helpers);
  await check('features', 'instructions', isaV4);
  await check('features', 'types of the kernel', types);
  if (isOwn) {
    await check('features', 'types of a module', moduleTypes);
    await check('features', 'kprobe at a function of a module', () =>
      atModule((body) => kprobe(FUNCTION, body)),
    );
    await check('features', 'doctor', doctorAgrees);
    await check('features', 'what is loaded', loadedIsShown);
    await check('features', 'fentry at a function of a module', () => {
      needs('5.11');
      return atModule((body) => fentry(FUNCTION, body));
    });
  }
  await check('features', 'streams of programs', streams);
  await check('features', 'a tool that is killed', killed);
  await check('features', 'a refused program', explained);
  await check('features', 'logs of refused programs', logs);
  // An emulated processor takes minutes for them.
  if (isOwn && process.arch === 'x64')
    for (const { name, run } of PROBE_LISTS) await check('features', `probes: ${name}`, run);
};

const PROBE_LISTS = [...PROBE_CHECKS, ...KPROBE_PROBE_CHECKS, ...TRAMPOLINE_PROBE_CHECKS];

/** Every line that the verifier writes about programs that it refuses is understood. */
const logs = (): string => {
  const { refused, unknown } = rejectedReport();
  same('lines that are not understood', unknown, []);
  if (refused < 200) throw new Error(`only ${refused} programs are refused`);
  return `${refused} programs`;
};
