import { expectTypeOf, test } from 'vitest';
import {
  array,
  type Base,
  type Chars,
  chars,
  i32,
  kernelStruct,
  type Mem,
  type Pointer,
  pointer,
  type Struct,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../../src/layout/index.ts';

declare const r7: Base;

const Inner = struct('inner', { a: u32, b: u8 });
const Event = struct('event', {
  kind: u32,
  size: u64,
  at: u8,
  // biome-ignore lint/suspicious/noThenProperty: a C field may be called so
  then: u16,
  comm: chars(16),
  in: Inner,
  small: array(Inner, 64),
  large: array(u8, 65),
  grid: array(array(u16, 3), 2),
});
const event = Event.at(r7);

test('fields are places of their layout, whatever they are called', () => {
  expectTypeOf(event.kind).toEqualTypeOf<Mem<typeof u32, 'plain'>>();
  expectTypeOf(event.size).toExtend<Mem<typeof u64, 'plain'>>();
  expectTypeOf(event.at).toEqualTypeOf<Mem<typeof u8, 'plain'>>();
  expectTypeOf(event.then).toEqualTypeOf<Mem<typeof u16, 'plain'>>();
  expectTypeOf(event.comm).toEqualTypeOf<Mem<Chars, 'plain'>>();
  expectTypeOf(event.in.a).toEqualTypeOf<Mem<typeof u32, 'plain'>>();
  expectTypeOf(u32.at(r7, 4)).toEqualTypeOf<Mem<typeof u32, 'plain'>>();
});

test('arrays up to 64 have literal keys, and at; longer ones at', () => {
  expectTypeOf(event.small[0].a).toEqualTypeOf<Mem<typeof u32, 'plain'>>();
  expectTypeOf(event.small[63].b).toEqualTypeOf<Mem<typeof u8, 'plain'>>();
  expectTypeOf(event.small.at(5).a).toEqualTypeOf<Mem<typeof u32, 'plain'>>();
  expectTypeOf(event.large.at(64)).toEqualTypeOf<Mem<typeof u8, 'plain'>>();
  expectTypeOf(event.grid[1][2]).toEqualTypeOf<Mem<typeof u16, 'plain'>>();
});

test('what is not there does not compile', () => {
  // @ts-expect-error no such field
  event.pid;
  // @ts-expect-error beyond the array
  event.small[64];
  // @ts-expect-error beyond the inner array
  event.grid[1][3];
  // @ts-expect-error too long for literal keys
  event.large[0];
  // @ts-expect-error a scalar has no fields
  event.kind.a;
  // @ts-expect-error a struct has no at() in memory
  event.in.at(0);
  // @ts-expect-error places are read-only
  event.kind = u32.at(r7);
});

const Task = kernelStruct('task_struct', {
  tgid: i32,
  comm: chars(16),
  get real_parent() {
    return pointer(Task);
  },
  cookie: pointer(),
  files: pointer(kernelStruct('files_struct', { fds: array(u64, 4) })),
});
const task = Task.at(r7);

test("a kernel struct's fields are core, and chain beyond a pointer", () => {
  expectTypeOf(task.tgid).toEqualTypeOf<Mem<typeof i32, 'core'>>();
  expectTypeOf(task.real_parent.tgid).toEqualTypeOf<Mem<typeof i32, 'chain'>>();
  expectTypeOf(task.real_parent.real_parent.comm).toEqualTypeOf<Mem<Chars, 'chain'>>();
  expectTypeOf(task.files.fds[3]).toExtend<Mem<typeof u64, 'chain'>>();
  expectTypeOf(task.cookie).toExtend<Mem<Pointer<undefined>, 'core'>>();
  // @ts-expect-error void * leads nowhere
  task.cookie.tgid;
  // @ts-expect-error a core place is not plain memory
  const plain: Mem<typeof i32, 'plain'> = task.tgid;
  // @ts-expect-error nor is a chain a core place
  const core: Mem<typeof i32, 'core'> = task.real_parent.tgid;
  void plain;
  void core;
});

interface FileFields {
  readonly flags: typeof u32;
  readonly next: Pointer<Struct<FileFields, 'core'>>;
}
const File: Struct<FileFields, 'core'> = kernelStruct('file', {
  flags: u32,
  get next() {
    return pointer(File);
  },
});

test('a recursive struct with named fields is as good', () => {
  const file = File.at(r7);
  expectTypeOf(file.flags).toEqualTypeOf<Mem<typeof u32, 'core'>>();
  expectTypeOf(file.next.next.next.flags).toEqualTypeOf<Mem<typeof u32, 'chain'>>();
});
