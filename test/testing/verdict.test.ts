import { describe, expect, it } from 'vitest';
import { toolNames, toolOf } from '../../src/cli/tools.ts';
import {
  call,
  exit,
  firstOf,
  hash,
  helper,
  jeq,
  label,
  load,
  mov,
  type ObjectSpec,
  object,
  r0,
  r1,
  stack,
  store,
  tpBtf,
  tracepoint,
  u32,
  u64,
} from '../../src/index.ts';
import { withoutKernel } from '../../src/testing/verdict.ts';

const counts = hash(u32, u64, { maxEntries: 4 });
const key = stack(u32);

const lookUp = (check: boolean) => {
  const out = label('out');
  return [
    store(key, 0),
    call(helper.map_lookup_elem, counts, key),
    check && jeq(r0, 0, out),
    load(r1, u64.at(r0)),
    out,
    mov(r0, 0),
    exit(),
  ];
};

const counting = (...checks: readonly boolean[]) =>
  object({
    license: 'GPL',
    maps: { counts },
    programs: {
      count: firstOf(
        tpBtf('sched_switch', lookUp(checks[0]!)),
        tracepoint('sched/sched_switch', lookUp(checks[1]!)),
      ),
    },
  });

describe('a verdict without a kernel', () => {
  it('says who judged, and why the kernel did not', () => {
    expect(withoutKernel(counting(true, true), 'there is none')).toEqual({
      pass: true,
      judge:
        'the static checks judged, which find less than the kernel, which was not asked: there is none',
      why: '',
    });
  });

  it('names the variant, the cause and the line, once', () => {
    const { pass, why } = withoutKernel(counting(true, false), 'there is none');
    expect(pass).toBe(false);
    const [first, at, text, ...more] = why.split('\n');
    expect(first).toMatch(/^count \(tracepoint\/sched\/sched_switch\), instruction 6: r0 may be 0/);
    expect(at).toMatch(/^ {2}at .*verdict\.test\.ts:35:5$/);
    expect(text).toBe('      load(r1, u64.at(r0)),');
    expect(more).toEqual([]);
  });

  it.each(toolNames())('finds nothing wrong with %s', (name) => {
    const spec = toolOf(name)!.object();
    expect(withoutKernel(spec as ObjectSpec, 'it is not asked').why).toBe('');
  });
});
