import { describe, expect, it } from 'vitest';
import {
  chars,
  exit,
  hookArguments,
  i32,
  kernelStruct,
  load,
  mov,
  pointer,
  r0,
  r1,
  r2,
  sleepable,
  struct,
  structOp,
  structOps,
  u32,
  u64,
  w0,
} from '../../src/index.ts';
import { kernelWith, linkedText, messageOf, withoutLine } from './support.ts';

const Ops = struct('my_ops', { start: pointer(), flags: u32, stop: pointer(), name: chars(8) });

describe('a struct of functions in the language', () => {
  it('has its data as bytes, and the names of its programs beside', () => {
    const map = structOps(Ops, { name: 'mine', flags: 7, stop: 'onStop' });
    expect(map).toMatchObject({
      type: 'struct_ops',
      maxEntries: 1,
      operations: { stop: 'onStop' },
    });
    expect(map.initial).toEqual([
      Uint8Array.of(
        ...[0, 0, 0, 0, 0, 0, 0, 0],
        ...[7, 0, 0, 0, 0, 0, 0, 0],
        ...[0, 0, 0, 0, 0, 0, 0, 0],
        ...[...new TextEncoder().encode('mine'), 0, 0, 0, 0],
      ),
    ]);
  });

  it('is registered by a link unless it is told otherwise', () => {
    expect(structOps(Ops, {}).flags).toBe(1 << 13);
    expect(structOps(Ops, {}, { link: false }).flags).toBe(0);
  });

  it('refuses members that it was not declared with, and values that do not fit', () => {
    const refused = (members: object) => withoutLine(messageOf(() => structOps(Ops, members)));
    expect(refused({ begin: 'onBegin' })).toBe(
      'structOps: my_ops is declared without begin (struct-ops-map.test.ts)',
    );
    expect(refused({ start: 1 })).toBe(
      'structOps: my_ops.start is the name of a program, got number (struct-ops-map.test.ts)',
    );
    expect(refused({ flags: -1 })).toBe('u32: expected a u32 (0 to 4294967295), got -1');
    expect(refused({ name: 'far too long' })).toMatch(/at most 8 bytes/);
  });

  it('has functions whose arguments are one after the other, and may be followed', () => {
    const Thing = kernelStruct('thing', { b: i32 });
    const Args = hookArguments({ id: u64, thing: pointer(Thing) });
    const kernel = kernelWith((b) => {
      const int = b.int('int', 4, 'signed');
      const members = ['a', 'b'].map((name, at) => ({ name, type: int, bitOffset: at * 32 }));
      b.struct('thing', 8, members);
    });
    const program = structOp('start', [
      load(r2, Args.at(r1).thing),
      load(w0, Thing.at(r2).b),
      exit(),
    ]);
    expect(program.hook).toEqual({
      type: 'struct_ops',
      section: 'struct_ops/start',
      name: 'start',
    });
    expect(linkedText(program, kernel).replace(/ +;.*/gm, '')).toBe(
      [
        '   0: (79) r2 = *(u64 *)(r1 +8)',
        '   1: (61) r0 = *(u32 *)(r2 +4)',
        '   2: (95) exit',
      ].join('\n'),
    );
    expect(sleepable(structOp('start', [mov(r0, 0), exit()])).hook.section).toBe(
      'struct_ops.s/start',
    );
  });
});
