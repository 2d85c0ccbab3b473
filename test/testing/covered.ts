/** A program whose lines coverage.test.ts knows by their numbers. */
import {
  exit,
  firstOf,
  jeq,
  jgt,
  label,
  load,
  mov,
  object,
  r0,
  r1,
  tpBtf,
  tracepoint,
  u64,
} from '../../src/index.ts';

export const graded = () => {
  const [none, out] = [label('none'), label('out')];
  return object({
    license: 'GPL',
    programs: {
      grade: firstOf(
        tpBtf('sched_switch', [
          load(r1, u64.at(r1)),
          mov(r0, 1),
          jeq(r1, 0, none),
          jgt(r1, 100, out),
          mov(r0, 2),
          exit(),
          none,
          mov(r0, 3),
          out,
          exit(),
        ]),
        tracepoint('sched/sched_switch', [mov(r0, 0), exit()]),
      ),
    },
  });
};
