/**
 * @module
 * What can stand in a template, and what must not compile there.
 */
import { expectTypeOf, test } from 'vitest';
import { asm, type Code, fieldSize, fn, helper, label, mov, r1, r7 } from '../../src/asm/index.ts';
import { kernelStruct, struct, u32 } from '../../src/layout/index.ts';
import { hash } from '../../src/object/index.ts';

const Event = struct('event', { pid: u32 });
const Task = kernelStruct('task_struct', { pid: u32 });

test('a template takes what the language is made of', () => {
  const counts = hash(u32, u32);
  expectTypeOf(asm`${r1} = ${5} ${7n}`).toEqualTypeOf<Code>();
  expectTypeOf(asm`goto ${label('out')}`).toEqualTypeOf<Code>();
  expectTypeOf(asm`${counts} ${fn('f', 0, [])} ${helper.ktime_get_ns}`).toEqualTypeOf<Code>();
  expectTypeOf(asm`${Event.at(r7).pid} ${fieldSize(Task.at(r7).pid)}`).toEqualTypeOf<Code>();
  expectTypeOf(asm`${false} ${[mov(r1, 1), undefined]}`).toEqualTypeOf<Code>();
});

test('a template takes nothing else', () => {
  // @ts-expect-error text is not code
  asm`${'r1 = 5'}`;
  // @ts-expect-error a layout is no place: Event.at(r7)
  asm`${Event}`;
  // @ts-expect-error true is neither code nor a number
  asm`${true}`;
  // @ts-expect-error a function that is not called
  asm`${() => mov(r1, 1)}`;
  // @ts-expect-error a date is no number
  asm`r1 = ${new Date()}`;
});
