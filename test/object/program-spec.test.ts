import { describe, expect, it } from 'vitest';
import { framesOf } from '../../src/asm/index.ts';
import {
  call,
  exit,
  firstOf,
  fn,
  hookArguments,
  load,
  mov,
  optional,
  pointer,
  r0,
  r1,
  rawTracepoint,
  socketFilter,
  tc,
  tpBtf,
  tracepoint,
  tracepointFields,
  u32,
  variantsOf,
  w0,
  xdp,
} from '../../src/index.ts';
import { parseHook } from '../../src/object/index.ts';
import { linked, messageOf, withoutLine, world } from './support.ts';

const body = [mov(r0, 0), exit()];
const refusal = (run: () => unknown) => withoutLine(messageOf(run));

describe('a program', () => {
  it.each([
    [
      tracepoint('sched/sched_switch', body),
      {
        type: 'tracepoint',
        section: 'tracepoint/sched/sched_switch',
        category: 'sched',
        name: 'sched_switch',
      },
    ],
    [
      rawTracepoint('sys_enter', body),
      { type: 'raw_tp', section: 'raw_tp/sys_enter', name: 'sys_enter' },
    ],
    [
      tpBtf('sched_switch', body),
      { type: 'tp_btf', section: 'tp_btf/sched_switch', name: 'sched_switch' },
    ],
    [socketFilter(body), { type: 'socket', section: 'socket', name: '' }],
    [tc(body), { type: 'tc', section: 'tc', name: '' }],
    [xdp(body), { type: 'xdp', section: 'xdp', name: '' }],
  ])('has the section name of libbpf for its hook (%#)', (program, hook) => {
    expect(program.hook).toEqual(hook);
    expect(program.body).toBe(body);
  });

  it('knows its line', () => {
    expect(framesOf(socketFilter(body).site)[0]!.file).toMatch(/program-spec\.test\.ts$/);
  });

  it('knows all that it calls, each once and through each other', () => {
    const inner = fn('inner', 0, [mov(r0, 1), exit()]);
    const outer = fn('outer', 0, [call(inner), exit()]);
    const program = tc([call(outer), call(inner), exit()]);
    expect(program.subprograms).toEqual([outer, inner]);
  });

  it.each(['sched_switch', 'a/b/c', '/x', 'sched/', 'sched/sched switch', '../../x', ''])(
    'is refused at the tracepoint %j',
    (hook) => {
      expect(refusal(() => tracepoint(hook, body))).toBe(
        `tracepoint: 'category/name' as in sched/sched_switch, got ${JSON.stringify(hook)} (program-spec.test.ts)`,
      );
    },
  );

  it('may be of a category with a dash', () => {
    expect(tracepoint('intel-sst/read', body).hook).toMatchObject({ category: 'intel-sst' });
  });

  it('is refused at a raw tracepoint with a category', () => {
    expect(refusal(() => rawTracepoint('sched/sched_switch', body))).toBe(
      'raw_tp: a tracepoint\'s name without its category, as sched_switch, got "sched/sched_switch" (program-spec.test.ts)',
    );
    expect(refusal(() => tpBtf('', body))).toBe(
      'tp_btf: a tracepoint\'s name without its category, as sched_switch, got "" (program-spec.test.ts)',
    );
  });

  it('is refused when it reads a context of another kind of hook, with the line that reads', () => {
    const Fields = tracepointFields({ pid: u32 });
    const Arguments = hookArguments({ p: pointer() });
    expect(refusal(() => tpBtf('sched_switch', [load(w0, Fields.at(r1).pid), exit()]))).toBe(
      'tp_btf/sched_switch has no record: tracepointFields belong to tracepoint programs (program-spec.test.ts)',
    );
    expect(refusal(() => tracepoint('a/b', [load(r0, Arguments.at(r1).p), exit()]))).toBe(
      'tracepoint/a/b has no arguments: hookArguments belong to raw tracepoints and to functions (program-spec.test.ts)',
    );
    const read = fn('read', 1, [load(r0, Arguments.at(r1).p), exit()]);
    expect(refusal(() => tc([call(read, r1), exit()]))).toBe(
      'tc has no arguments: hookArguments belong to raw tracepoints and to functions (program-spec.test.ts)',
    );
  });
});

describe('variants of a program', () => {
  const first = tpBtf('a', body);
  const second = tracepoint('b/a', body);

  it('are tried in order', () => {
    const entry = firstOf(first, second);
    expect(variantsOf(entry)).toEqual([first, second]);
    expect(variantsOf(optional(entry))).toEqual([first, second]);
    expect(variantsOf(first)).toEqual([first]);
    const old = world({ hasHook: ({ type }) => type === 'tracepoint' });
    expect(linked(entry, world()).spec).toBe(first);
    expect(linked(entry, old).spec).toBe(second);
  });

  it('must be at least one', () => {
    expect(refusal(() => firstOf())).toBe('firstOf: at least one program (program-spec.test.ts)');
  });

  it('are named when there is none for this kernel', () => {
    const none = world({ hasHook: () => false });
    expect(messageOf(() => linked(firstOf(first, second), none))).toBe(
      'program: this kernel does not have tp_btf/a nor tracepoint/b/a',
    );
  });

  it('are left out when they are optional', () => {
    expect(linked(optional(first), world({ hasHook: () => false }))).toBeUndefined();
  });
});

describe('the hook of a section name', () => {
  it('is that of the program', () => {
    for (const { hook } of [tracepoint('b/a', body), rawTracepoint('a', body), tpBtf('a', body)])
      expect(parseHook(hook.section)).toEqual(hook);
    expect(parseHook('tp/b/a')).toMatchObject({ type: 'tracepoint', category: 'b', name: 'a' });
  });

  it.each(['nothing/x', 'kprobe', 'tp_btf', 'tracepoint/a', 'raw_tp/a/b', ''])(
    'is refused: %j',
    (section) => {
      expect(messageOf(() => parseHook(section))).toBe(
        `hookExists: a section name as libbpf has it, 'tracepoint/CATEGORY/NAME' or 'fentry/FUNCTION', got ${JSON.stringify(section)}`,
      );
    },
  );
});
