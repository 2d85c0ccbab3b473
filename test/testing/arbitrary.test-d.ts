import fc from 'fast-check';
import { expectTypeOf, it } from 'vitest';
import { array, chars, enumeration, struct, u32, u64, type Value } from '../../src/index.ts';
import { arbitrary } from '../../src/testing/index.ts';

const Event = struct('event', {
  pid: u32,
  wide: u64,
  state: enumeration('state', { idle: 0, busy: 7 }),
  comm: chars(16),
  list: array(u32, 2),
});

it('properties get values of the layout', () => {
  fc.assert(
    fc.property(arbitrary(fc, Event), arbitrary(fc, u32), (event, number) => {
      expectTypeOf(event.pid).toEqualTypeOf<number>();
      expectTypeOf(event.wide).toEqualTypeOf<bigint>();
      expectTypeOf(event.comm).toEqualTypeOf<string>();
      expectTypeOf(event.list).toExtend<readonly number[]>();
      expectTypeOf(event).toExtend<Value<typeof Event>>();
      expectTypeOf(number).toEqualTypeOf<number>();
      // @ts-expect-error there is no such field
      event.tid;
    }),
  );
});

it('it is an arbitrary as fast-check has them', () => {
  const events: fc.Arbitrary<Value<typeof Event>> = arbitrary(fc, Event);
  const many: fc.Arbitrary<readonly Value<typeof Event>[]> = fc.array(arbitrary(fc, Event));
  fc.sample(fc.oneof(events, many));
  const pids = arbitrary(fc, Event).map(({ pid }) => pid);
  fc.assert(fc.property(fc.tuple(pids), ([pid]) => expectTypeOf(pid).toEqualTypeOf<number>()));
  const busy = arbitrary(fc, Event).filter(({ state }) => state === 'busy');
  expectTypeOf(fc.sample(busy)[0]!.pid).toEqualTypeOf<number>();
  // @ts-expect-error it is of another layout
  const other: fc.Arbitrary<Value<typeof u64>> = arbitrary(fc, u32);
  fc.sample(other);
});
