import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  array,
  bitfield,
  bool,
  decode,
  encode,
  i8,
  i16,
  i32,
  i64,
  type Layout,
  pointer,
  struct,
  u8,
  u16,
  u32,
  u64,
  union,
} from '../../src/layout/index.ts';

// Made by gcc and clang; see test/golden/layout/make.mjs.
type Spec = string | ['bits', string, number] | ['array', Spec, number] | ['record', string];
interface Row {
  name: string;
  kind: 'struct' | 'union';
  fields: [string, Spec][];
  size: number;
  align: number;
  at: Record<string, [bit: number, bits: number]>;
  examples: [value: unknown, hex: string][];
}
const golden = new URL('../golden/layout/records.json', import.meta.url);
const { records } = JSON.parse(readFileSync(golden, 'utf8')) as { records: Row[] };

const SCALARS = { u8, u16, u32, u64, i8, i16, i32, i64, bool } as const;
const made = new Map<string, Layout>();
const layoutOf = (spec: Spec): Layout => {
  if (spec === 'pointer') return pointer();
  if (typeof spec === 'string') return SCALARS[spec as keyof typeof SCALARS];
  if (spec[0] === 'bits') {
    const type = SCALARS[spec[1] as keyof typeof SCALARS];
    return type === bool ? bitfield(bool, spec[2]) : bitfield(type as typeof u32, spec[2]);
  }
  if (spec[0] === 'array') return array(layoutOf(spec[1]), spec[2]);
  return made.get(spec[1])!;
};
for (const { name, kind, fields } of records) {
  const layouts = Object.fromEntries(fields.map(([field, spec]) => [field, layoutOf(spec)]));
  made.set(name, kind === 'union' ? union(name, layouts) : struct(name, layouts));
}

/** JSON has 64-bit integers as strings. */
const revive = (layout: Layout, value: unknown): unknown => {
  if (typeof value === 'string') return BigInt(value);
  if (layout.kind === 'array') return (value as unknown[]).map((v) => revive(layout.element, v));
  if (layout.kind !== 'struct') return value;
  const entries = Object.entries(value as object).map(([name, v]) => [
    name,
    revive(layout.members.find((member) => member.name === name)!.layout, v),
  ]);
  return Object.fromEntries(entries);
};

describe('structs and unions are laid out as gcc and clang do, on x86-64 and AArch64', () => {
  it('has 53 of them to compare', () => expect(records).toHaveLength(53));

  it.each(records)('$name', ({ name, size, align, at }) => {
    const layout = made.get(name)!;
    if (layout.kind !== 'struct') throw new Error('not a struct');
    const mine = layout.members.map(({ name, bitOffset, layout }) => [
      name,
      [bitOffset, layout.kind === 'bitfield' ? layout.width : layout.size * 8],
    ]);
    expect({ size: layout.size, align: layout.align, at: Object.fromEntries(mine) }).toEqual({
      size,
      align,
      at,
    });
  });

  it.each(records)('the storage unit of each field of $name is inside it', ({ name }) => {
    const layout = made.get(name)!;
    if (layout.kind !== 'struct') throw new Error('not a struct');
    for (const { offset, bitOffset, layout: field } of layout.members) {
      expect(offset % field.align).toBe(0);
      expect(offset + field.size).toBeLessThanOrEqual(layout.size);
      expect(bitOffset).toBeGreaterThanOrEqual(offset * 8);
    }
  });
});

describe('values are encoded to the bytes that gcc writes, and decoded from them', () => {
  it.each(records)('$name', ({ name, examples }) => {
    const layout = made.get(name)!;
    for (const [json, hex] of examples) {
      const value = revive(layout, json);
      const bytes = encode<Layout>(layout, value as never);
      expect(Buffer.from(bytes).toString('hex')).toBe(hex);
      // A union decodes to all of its views, of which the example has one.
      expect(decode(layout, bytes)).toMatchObject(value as object);
    }
  });
});
