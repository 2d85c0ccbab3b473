/**
 * The object files of the corpus, as libbpf and our loader load them here: the kernel must say the same of both. And
 * our tools as object files, which libbpf must load.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readObject } from '../../../src/elf/index.ts';
import { loadObject } from '../../../src/kernel/index.ts';
import type { ObjectSpec } from '../../../src/object/index.ts';
import { isAtLeast, mapInfo, progXlated } from '../../../src/syscall/index.ts';
import { EXPECTED } from '../../objects/expected.ts';
import {
  bytes,
  Judge,
  type JudgedProgram,
  namesOf,
  normalise,
  OBJECTS,
  objectFile,
} from '../../objects/judge.ts';
import { check, same, Unsupported } from './check.ts';

/** judge.c, compiled outside; not for every architecture. */
const JUDGE = join(import.meta.dirname, 'judge');
const judge = existsSync(JUDGE) ? new Judge(JUDGE) : undefined;

/** libbpf learns from a kprobe whether system calls have wrappers. We look into the symbols. */
const hasKprobes = existsSync('/sys/bus/event_source/devices/kprobe');

/** What the kernel made of a program; or the first line of why there is none. */
const load = (spec: ObjectSpec, program: string): Uint8Array | string => {
  try {
    using loaded = loadObject(spec, { programs: [program], pinPath: '' });
    const maps = Object.values(loaded.maps).map((map) => mapInfo((map as { fd: number }).fd));
    return normalise(
      progXlated(loaded.programs[program]!.fd),
      new Map(maps.map(({ id, name }) => [id, name])),
    );
  } catch (error) {
    return (error as Error).message.split('\n')[0]!;
  }
};

/** Programs that ask for what only some architectures or configurations have. */
const PARTICULAR = ['core-fields offsets', 'core-kinds wide_enumerators', 'sections-other sample'];

/** How our verdict differs from what the source of an object asks for; undefined where it does not. */
const unexpected = (
  name: string,
  program: string,
  ours: Uint8Array | string,
): string | undefined => {
  if (PARTICULAR.includes(`${name} ${program}`)) return undefined;
  const expected = EXPECTED[name]?.programs[program];
  const accepted = typeof ours !== 'string';
  if (expected === 'accepted' && !accepted) return `${program}: ${ours}`;
  if (/^(refused|failed)/.test(expected ?? '') && accepted)
    return `${program}: accepted, not ${expected}`;
  return undefined;
};

/** How our verdict differs from libbpf's; undefined where it does not. */
const differs = (judged: JudgedProgram, ours: Uint8Array | string): string | undefined => {
  const { name, verdict, xlated, maps, log } = judged;
  const accepted = typeof ours !== 'string';
  if (verdict === 'refused')
    return accepted
      ? `${name}: accepted, refused for libbpf: ${log.trim().slice(-200)}`
      : undefined;
  if (!accepted) return `${name}: accepted for libbpf, but ${ours}`;
  const theirs = normalise(bytes(xlated!), namesOf(maps!));
  const at = ours.findIndex((byte, index) => byte !== theirs[index]);
  if (at < 0 && ours.length === theirs.length) return undefined;
  const slot = Math.floor(at / 8);
  const shown = (insns: Uint8Array) =>
    Buffer.from(insns.subarray(slot * 8, slot * 8 + 16)).toString('hex');
  return `${name}: at ${slot} ${shown(ours)}, for libbpf ${shown(theirs)}`;
};

/** Where an object does not say from which kernel on it is accepted. On older ones libbpf has the only word. */
const OLDEST_EXPECTED = '6.1';

const checkObject = (name: string): string => {
  const file = objectFile(name);
  const { since = OLDEST_EXPECTED, stops, beyond = [] } = EXPECTED[name] ?? {};
  const judged = judge?.judge(file);
  if (judged?.object.stage === 'open' || (!judged && stops?.[0] === 'open'))
    return 'not for libbpf';
  const spec = readObject(readFileSync(file), { label: name });
  const isNew = isAtLeast(since);
  let accepted = 0;
  const programs = Object.keys(spec.programs);
  const complaints = programs.flatMap((program) => {
    const ours = load(spec, program);
    if (typeof ours !== 'string') accepted++;
    // What is expected is what libbpf 1.1 says.
    if (beyond.includes(program) || (program === 'ksyscall_function' && !hasKprobes)) return [];
    const theirs = judged?.programs.find((each) => each.name === program);
    if (theirs && /^(accepted|refused)$/.test(theirs.verdict)) return differs(theirs, ours) ?? [];
    // libbpf may fail for what another program of the object needs; we look at what is loaded.
    if (theirs && typeof ours === 'string') return [];
    return (isNew && unexpected(name, program, ours)) || [];
  });
  if (complaints.length > 0) throw new Error(complaints.join(' | '));
  if (programs.length > 0 && accepted === 0 && !isNew)
    throw new Unsupported(`needs Linux ${since}`);
  return `${accepted} of ${programs.length} accepted`;
};

const MAIN = join(import.meta.dirname, 'dist/cli/main.cjs');

/** What makes objects of tools that every kernel loads: a file has the first variant of a program only. */
const BUILT: Readonly<Record<string, readonly string[]>> = {
  unlinksnoop: ['--kprobe'],
  funccount: ['t:sched:sched_switch'],
};

/** A tool as an object file, which libbpf loads and we load as well. */
const checkBuilt = (tool: string): string => {
  const file = join(tmpdir(), `${tool}-${process.pid}.o`);
  try {
    execFileSync(process.execPath, [MAIN, 'build', tool, ...(BUILT[tool] ?? []), '-o', file], {
      stdio: 'pipe',
    });
    loadObject(readObject(readFileSync(file), { label: tool }), { pinPath: '' }).close();
    if (!judge) return 'loaded';
    const { object, programs } = judge.judge(file);
    same('where libbpf stops', object.stage, 'done');
    const refused = programs
      .filter(({ verdict }) => verdict !== 'accepted')
      .map(({ name, log }) => `${name}: ${log.trim().slice(-200)}`);
    if (refused.length > 0) throw new Error(refused.join(' | '));
    return 'loaded, by libbpf as well';
  } finally {
    rmSync(file, { force: true });
  }
};

export const checkObjects = async (tools: readonly string[]): Promise<void> => {
  for (const name of OBJECTS) await check('objects', `${name}.o`, () => checkObject(name));
  for (const tool of tools)
    await check('objects', `beespoke build ${tool}`, () => checkBuilt(tool));
  judge?.close();
};
