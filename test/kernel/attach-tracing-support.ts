/** What the checks of tracing share: a program that writes down what it sees of this process, and things to see. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  atomicAdd,
  type Code,
  call,
  chars,
  exit,
  globals,
  helper,
  i64,
  jne,
  label,
  lea,
  mov,
  object,
  type ProgramEntry,
  r0,
  r1,
  r2,
  r6,
  r7,
  rsh,
  store,
  struct,
  u64,
  type Value,
} from '../../src/index.ts';
import { type AttachOptions, type Feature, loadObject, tracefs } from '../../src/kernel/index.ts';
import type { Attached } from '../../src/kernel/link.ts';
import { holdings } from './checks.ts';

export const Seen = struct('seen', {
  runs: u64.number,
  first: i64,
  second: i64,
  result: i64,
  cookie: u64.number,
  text: chars(16),
});
type SeenValues = Value<typeof Seen>;
export type SeenPlace = ReturnType<typeof Seen.at>;

/**
 * An object of one program, `ac_program`, that counts its runs in this process and then does `code`: r6 is the context,
 * r7 where it writes down what it sees.
 */
export const seeing = (
  make: (body: Code) => ProgramEntry,
  code: (seen: SeenPlace) => Code = () => [],
) => {
  const seen = globals(Seen);
  const fields = Seen.at(r7);
  const out = label('out');
  const body: Code = [
    mov(r6, r1),
    lea(r7, seen),
    call(helper.get_current_pid_tgid),
    rsh(r0, 32),
    jne(r0, process.pid, out),
    mov(r2, 1),
    atomicAdd(fields.runs, r2),
    code(fields),
    out,
    mov(r0, 0),
    exit(),
  ];
  return object({ license: 'GPL', maps: { seen }, programs: { ac_program: make(body) } });
};

export interface Trial {
  readonly make: (body: Code) => ProgramEntry;
  readonly code?: (seen: SeenPlace) => Code;
  /** What the program sees. */
  readonly act: () => unknown;
  readonly expected?: Partial<Record<Exclude<keyof SeenValues, 'runs'>, unknown>>;
  readonly options?: AttachOptions;
  readonly without?: readonly Feature[];
  readonly how?: Attached;
}

/** Attaches the program, acts, and looks at what it has seen. Once it is detached it sees no more, and nothing is left. */
export const sees = async (trial: Trial): Promise<void> => {
  const { make, code, act, expected = {}, options, without = [], how } = trial;
  const before = holdings();
  const definitions = definedKprobes();
  {
    using tool = loadObject(seeing(make, code), { without });
    {
      using link = tool.programs.ac_program!.attach(options);
      if (how !== undefined) assert.equal(link.how, how);
      await act();
    }
    const { runs, ...seen } = tool.maps.seen.values();
    assert.ok(runs > 0, 'the program has not run');
    for (const [name, value] of Object.entries(expected))
      assert.deepEqual(seen[name as keyof typeof seen], value, name);
    await act();
    assert.equal(tool.maps.seen.get('runs'), runs, 'it runs although it is detached');
  }
  assert.deepEqual(holdings(), before);
  assert.deepEqual(definedKprobes(), definitions);
};

/** The lines of `kprobe_events` in tracefs. */
export const definedKprobes = (): string[] => {
  try {
    return readFileSync(`${tracefs()}/kprobe_events`, 'latin1').split('\n');
  } catch {
    return [];
  }
};

export const cookie = (seen: SeenPlace): Code => [
  call(helper.get_attach_cookie, r6),
  store(seen.cookie, r0),
];

// ----------
// Things to see
// ----------

/** Writes `length` bytes to a file of its own: `vfs_write(file, buffer, length, position)` returns as many. */
export const write = (length: number): void => {
  const directory = mkdtempSync(join(tmpdir(), 'beespoke-attach-'));
  const file = join(directory, 'file');
  writeFileSync(file, 'x'.repeat(length));
  unlinkSync(file);
  rmdirSync(directory);
};

/** How nice this process is from the first `renice` on. */
export const NICE = getPriority() + 1;

/** setpriority(PRIO_PROCESS, this process, NICE), which asks `task_setnice` of the security modules. Its error, if any. */
export const renice = (): string | undefined => {
  try {
    setPriority(process.pid, NICE);
    return undefined;
  } catch (error) {
    return (error as { readonly info: { readonly code: string } }).info.code;
  }
};
