import { describe, expect, it } from 'vitest';
import { BtfBuilder, parseAccess } from '../../src/btf/index.ts';
import {
  array,
  type Build,
  enumeration,
  int,
  ptr,
  relocate,
  struct,
  u32,
  u64,
} from './core-support.ts';
import { errorOf } from './support.ts';

describe('types', () => {
  const exists = (local: Build, target: Build) =>
    relocate('type_exists', '0', local, target).value === 1n;
  const matches = (local: Build, target: Build) =>
    relocate('type_matches', '0', local, target).value === 1n;
  const typedef =
    (type: Build): Build =>
    (b) =>
      b.typedef('t', type(b));
  const proto =
    (returns: Build, ...params: Build[]): Build =>
    (b) =>
      b.funcProto(
        returns(b),
        params.map((p, i) => ({ name: `p${i}`, type: p(b) })),
      );

  it.each<[string, Build, Build, boolean, boolean]>([
    ['integers of another size', int, u64, true, false],
    ['integers of another sign and name', int, u32, true, false],
    ['pointers to different structs', ptr(struct('a', {})), ptr(struct('b', {})), true, false],
    [
      'pointers to structs of one name, whatever is inside',
      ptr(struct('a', { x: int })),
      ptr(struct('a', {})),
      true,
      true,
    ],
    [
      'pointers to a struct and its declaration',
      ptr(struct('a', {})),
      ptr((b) => b.fwd('a')),
      false,
      true,
    ],
    [
      'pointers to a declaration and its struct',
      ptr((b) => b.fwd('a')),
      ptr(struct('a', {})),
      false,
      true,
    ],
    [
      'pointers to a union and the declaration of a struct',
      ptr((b) => b.union('a', 0, [])),
      ptr((b) => b.fwd('a')),
      false,
      false,
    ],
    [
      'pointers to declarations of a struct and a union',
      ptr((b) => b.fwd('a')),
      ptr((b) => b.fwd('a', 'union')),
      true,
      false,
    ],
    ['a declaration and a struct', (b) => b.fwd('a'), struct('a', {}), false, false],
    ['declarations', (b) => b.fwd('a'), (b) => b.fwd('a'), true, true],
    ['a pointer and an integer', ptr(), u64, false, false],
    ['pointers to void', ptr(), ptr(), true, true],
    ['pointers to void and to int', ptr(), ptr(int), false, false],
    ['arrays of another length', array(int, 3), array(int, 4), true, false],
    ['arrays', array(int, 3), array(int, 3), true, true],
    ['a struct and a union', struct('a', {}), (b) => b.union('a', 0, []), false, false],
    [
      'an enum and an enum64 of another size',
      enumeration('e', { A: 1 }),
      (b) => b.enum64('e', { A: 1n }),
      true,
      false,
    ],
    [
      'an enum and an enum64 of one size',
      enumeration('e', { A: 1 }),
      (b) => b.enum64('e', { A: 2n }, 4),
      true,
      true,
    ],
    [
      'an enum that has more values',
      enumeration('e', { A: 1 }),
      enumeration('e', { B: 1, A___x: 9 }),
      true,
      true,
    ],
    [
      'an enum that has fewer values',
      enumeration('e', { A: 1, B: 2 }),
      enumeration('e', { A: 1 }),
      true,
      false,
    ],
    [
      'an enum that lacks a value',
      enumeration('e', { A: 1 }),
      enumeration('e', { B: 1 }),
      true,
      false,
    ],
    [
      'a struct that has more members',
      struct('s', { a: int }),
      struct('s', { b: u64, a: int }),
      true,
      true,
    ],
    ['a struct that lacks a member', struct('s', { a: int }), struct('s', { b: int }), true, false],
    [
      'a struct whose member has another type',
      struct('s', { a: int }),
      struct('s', { a: u64 }),
      true,
      false,
    ],
    [
      'structs with anonymous members',
      struct('s', { _: struct('', { a: int }) }),
      struct('s', { _: struct('', { a: int, b: int }) }),
      true,
      true,
    ],
    ['prototypes', proto(int, ptr(), u64), proto(int, ptr(), u64), true, true],
    ['prototypes with another return type', proto(int, ptr()), proto(ptr(), ptr()), false, false],
    ['prototypes with another parameter', proto(int, ptr()), proto(int, int), false, false],
    ['prototypes with more parameters', proto(int, int), proto(int, int, int), false, false],
    ['prototypes with wider parameters', proto(int, int), proto(int, u64), true, false],
    [
      'floats, which libbpf does not compare',
      (b) => b.float('float', 4),
      (b) => b.float('float', 4),
      false,
      false,
    ],
  ])('%s: exist as each other, match each other', (_, local, target, compatible, match) => {
    expect(exists(typedef(local), typedef(target))).toBe(compatible);
    expect(matches(typedef(local), typedef(target))).toBe(match);
  });

  it('of which none is found have size and id 0, not poison', () => {
    for (const kind of ['type_exists', 'type_matches', 'type_size', 'type_id_target'] as const) {
      expect(relocate(kind, '0', struct('s', {}), int)).toMatchObject({
        value: 0n,
        poison: false,
        exists: false,
      });
    }
  });

  it('are compared 32 deep and no deeper', () => {
    const deep =
      (levels: number): Build =>
      (b) => {
        let id = int(b);
        for (let i = 0; i < levels; i++) id = b.ptr(id);
        return b.typedef('t', id);
      };
    expect(exists(deep(31), deep(31))).toBe(true);
    expect(matches(deep(31), deep(31))).toBe(true);
    expect(errorOf(() => exists(deep(32), deep(32))).message).toMatch(/more than 32 deep/);
    expect(errorOf(() => matches(deep(32), deep(32))).message).toMatch(/more than 32 deep/);
  });
});

describe('enum values', () => {
  const value = (local: Build, target: Build) =>
    relocate('enumval_value', '0', local, target).value;

  it('are 64 bits without a sign, extended from 32 with one', () => {
    const one = enumeration('e', { A: 1 });
    expect(value(one, enumeration('e', { A: -2 }))).toBe(0xffff_ffff_ffff_fffen);
    expect(value(one, enumeration('e', { A: 0xffff_ffff }))).toBe(0xffff_ffff_ffff_ffffn);
    expect(value(one, (b) => b.enum64('e', { A: 0xffff_ffffn }))).toBe(0xffff_ffffn);
    expect(value(one, (b) => b.enum64('e', { A: -1n }))).toBe(0xffff_ffff_ffff_ffffn);
  });

  it('that are gone poison, or do not exist', () => {
    const local = enumeration('e', { A: 1 });
    expect(relocate('enumval_value', '0', local, enumeration('e', {})).poison).toBe(true);
    expect(relocate('enumval_exists', '0', local, enumeration('e', {}))).toMatchObject({
      value: 0n,
      poison: false,
    });
  });
});

describe('an access', () => {
  const b = new BtfBuilder();
  const s = struct('s', { a: int, n: array(int, 2) })(b);
  const e = enumeration('e', { A: 1 })(b);
  const btf = b.build();

  it.each([
    ['of a type that is not "0"', 'type_exists', s, '0:1', /"0"/],
    ['that is empty', 'field_exists', s, '', /expected an access/],
    ['with a negative index', 'field_exists', s, '0:-1', /expected an access/],
    ['with a number too large', 'field_exists', s, '0:9999999999', /expected an access/],
    ['with 65 indices', 'field_exists', s, Array(65).fill('0').join(':'), /more than 64/],
    ['of a member that is not there', 'field_exists', s, '0:2', /no member 2/],
    ['of an element that is not there', 'field_exists', s, '0:1:2', /no element 2/],
    ['into an integer', 'field_exists', s, '0:0:0', /neither members nor elements/],
    ['of a value that is not there', 'enumval_exists', e, '1', /index of one value/],
    ['of two values', 'enumval_exists', e, '0:0', /index of one value/],
    ['of a value of a struct', 'enumval_exists', s, '0', /no enum/],
    ['beyond 512 MiB', 'field_exists', s, '999999999:0', /bits into a type/],
  ] as const)('%s is refused', (_, kind, typeId, access, message) => {
    expect(errorOf(() => parseAccess(btf, { kind, typeId, access })).message).toMatch(message);
  });
});
