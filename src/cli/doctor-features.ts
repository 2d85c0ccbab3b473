/**
 * @module
 * What doctor finds out by trying: which programs, maps and helpers the kernel takes from this process, what can be
 * attached to, and which tools run.
 */
import { helperById } from '../asm/index.ts';
import { ATTACH_KINDS, type AttachAnswer } from '../kernel/attach-kinds.ts';
import { configuration, configurationFile } from '../kernel/configuration.ts';
import { type ProbeOptions, probeHelper, probeKnown, probeMap } from '../kernel/feature-probe.ts';
import { raiseMemlock } from '../kernel/load-object.ts';
import { hooksOf, PROGRAM_TYPES, probeHook, probeOptions } from '../kernel/program-types.ts';
import { HOOKS, MAP_TYPES, type MapType } from '../object/index.ts';
import { isAtLeast, SystemCallError } from '../syscall/index.ts';
import { type Finding, type Topic, withoutOption } from './doctor-finding.ts';
import { toolProblem } from './list.ts';
import { toolNames } from './tools.ts';

/** `thorough`: for each helper all types of programs that may call it, in place of whether any may. */
export const featureFindings = (thorough: boolean): Finding[] => {
  // As tools do: else the limit would be what is found out.
  raiseMemlock();
  const types = programTypes();
  return [
    ...types.map(({ finding }) => finding),
    ...maps(),
    ...helpers(types, thorough),
    ...attaching(),
    ...tools(),
  ];
};

const ofLinux = (since: string): string => `of Linux ${since} or later`;

/** What an answer means, and what to do about it. */
const findingOf = (
  topic: Topic,
  name: string,
  answer: AttachAnswer,
  { since, option }: { readonly since: string; readonly option?: string | undefined },
): Finding => {
  if (answer === true) return { topic, name, state: 'yes' };
  if (answer === false) {
    const isUnset =
      option !== undefined && configurationFile() !== undefined && !configuration(option);
    const advice = !isAtLeast(since)
      ? ofLinux(since)
      : isUnset
        ? withoutOption(option)
        : 'this kernel or machine does not have it';
    return { topic, name, state: 'no', advice };
  }
  if (!(answer instanceof SystemCallError))
    return { topic, name, state: 'no', advice: answer.message };
  // What comes behind "cannot load the lsm program: EPERM (operation not permitted). "
  const cause = /\)\. (.*)/s.exec(answer.message)?.[1];
  const advice = cause ? `${answer.code}: ${cause}` : answer.message;
  return { topic, name, state: 'unknown', value: answer.code, advice };
};

// ----------
// Programs and maps
// ----------

interface ProgramType {
  readonly name: string;
  readonly finding: Finding;
  readonly number: number;
  /** What to load one with, for each hook where one can be loaded. */
  readonly ways: readonly ProbeOptions[];
}

const programTypes = (): ProgramType[] =>
  Object.entries(PROGRAM_TYPES).map(([name, known]) => {
    const hooks = hooksOf(known);
    const answers = hooks.map(probeHook);
    const answer: AttachAnswer =
      answers.includes(true) || (answers.find((each) => each !== false) ?? false);
    // Without a program to extend, what an ext program may call cannot be asked.
    const asked = name === 'ext' ? [] : hooks.filter((_, index) => answers[index] === true);
    return {
      name,
      number: HOOKS[hooks[0]!.type].program,
      finding: findingOf('program types', name, answer, known),
      ways: asked.flatMap((hook) => probeOptions(hook) ?? []),
    };
  });

const maps = (): Finding[] =>
  (Object.keys(MAP_TYPES) as MapType[]).map((type) =>
    findingOf('map types', type, probeMap(type), MAP_TYPES[type]),
  );

// ----------
// Helpers
// ----------

/** Helpers that a kernel can be built without, by the option. */
const HELPER_OPTIONS: Readonly<Record<string, string>> = {
  override_return: 'CONFIG_BPF_KPROBE_OVERRIDE',
  rc_repeat: 'CONFIG_BPF_LIRC_MODE2',
  rc_keydown: 'CONFIG_BPF_LIRC_MODE2',
  rc_pointer_rel: 'CONFIG_BPF_LIRC_MODE2',
};

/** The types that may call the most helpers, asked first. */
const BROAD: readonly string[] = ['sched_cls', 'tracing', 'xdp', 'syscall'];

const rankOf = ({ name }: ProgramType): number =>
  BROAD.includes(name) ? BROAD.indexOf(name) : BROAD.length;

const helpers = (types: readonly ProgramType[], thorough: boolean): Finding[] => {
  const asked = types
    .filter(({ ways }) => ways.length > 0)
    .sort((a, b) => (thorough ? 0 : rankOf(a) - rankOf(b)));
  const refused = types.filter(({ finding }) => finding.state === 'unknown');
  const findings: Finding[] = [];
  for (let id = 1; ; id++) {
    const helper = helperById(id);
    if (!helper) return findings;
    const may = ({ number, ways }: ProgramType) =>
      ways.some((options) => probeHelper(number, id, options) === true);
    const has = probeKnown(id) !== false && asked.some(may);
    const known = { since: helper.since, option: HELPER_OPTIONS[helper.name] };
    const finding = helperFinding(helper.name, has, known, refused);
    if (!thorough) findings.push(finding);
    else {
      const callers = has ? asked.filter(may) : [];
      findings.push({ ...finding, programTypes: callers.map((type) => type.name) });
    }
  }
};

/** That nothing which can be loaded may call a helper does not say that the kernel lacks it. */
const helperFinding = (
  name: string,
  has: boolean,
  known: { readonly since: string; readonly option: string | undefined },
  refused: readonly ProgramType[],
): Finding => {
  const finding = findingOf('helpers', name, has, known);
  const isLater = !isAtLeast(known.since);
  if (has || isLater || known.option !== undefined || refused.length === 0) return finding;
  const types = refused.length > 3 ? 'others' : refused.map((type) => type.name).join(', ');
  const advice = `no type of program that can be loaded may call it; of ${types} it cannot be told`;
  return { ...finding, state: 'unknown', advice };
};

// ----------
// Attaching and tools
// ----------

const attaching = (): Finding[] =>
  ATTACH_KINDS.map((kind) => findingOf('attaching', kind.name, answerOf(kind), kind));

const answerOf = (kind: (typeof ATTACH_KINDS)[number]): AttachAnswer => {
  try {
    return kind.probe();
  } catch (error) {
    if (error instanceof SystemCallError || (error as Error).name === 'RequirementError')
      return error as AttachAnswer;
    throw error;
  }
};

const tools = (): Finding[] =>
  toolNames().map((name): Finding => {
    const problem = toolProblem(name);
    return { topic: 'tools', name, state: problem === undefined ? 'yes' : 'no', advice: problem };
  });
