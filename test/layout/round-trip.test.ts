import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { closures } from '../../src/layout/decode-closures.ts';
import { generated } from '../../src/layout/decode-generated.ts';
import {
  decode,
  encode,
  encodeInto,
  type Layout,
  maxSize,
  toJson,
} from '../../src/layout/index.ts';
import { Random, randomStruct, randomValue } from './random.ts';

const short = (): never => {
  throw new Error('too short');
};

/** Whether `decoded` has everything of `value`; of a union it has more. */
const agrees = (layout: Layout, decoded: unknown, value: unknown): void => {
  if (layout.kind === 'struct') {
    for (const name of Object.keys(value as object)) {
      const member = layout.members.find((candidate) => candidate.name === name)!;
      const [a, b] = [decoded, value] as Record<string, unknown>[];
      expect(Object.hasOwn(a!, name)).toBe(true);
      agrees(member.layout, a![name], b![name]);
    }
  } else if (layout.kind === 'array') {
    (value as unknown[]).forEach((element, i) => {
      agrees(layout.element, (decoded as unknown[])[i], element);
    });
  } else if (layout.kind === 'enum' && typeof value === 'string') {
    // Of several names for a number, the first.
    expect(decoded).toBe(value.replace('ALSO_', ''));
  } else {
    expect(decoded).toStrictEqual(value);
  }
};

describe('random layouts', () => {
  it('give back every value that was encoded, and write nothing but their own bytes, all of them', () => {
    const random = new Random(1);
    for (let i = 0; i < 500; i++) {
      const layout = randomStruct(random);
      const value = randomValue(random, layout);
      const bytes = encode<Layout>(layout, value as never);
      expect(bytes.length).toBeGreaterThanOrEqual(layout.size);
      expect(bytes.length).toBeLessThanOrEqual(maxSize(layout));
      const decoded = decode(layout, bytes);
      agrees(layout, decoded, value);

      const dirty = new Uint8Array(bytes.length + 7).fill(0xee);
      const view = new DataView(dirty.buffer);
      expect(encodeInto<Layout>(layout, value as never, view, 3)).toBe(bytes.length);
      expect(dirty.slice(3, -4)).toEqual(bytes);
      expect([...dirty.slice(0, 3), ...dirty.slice(-4)]).toEqual(Array(7).fill(0xee));
    }
  });

  it('decode to the same in generated code and in closures, whatever the bytes are', () => {
    const random = new Random(2);
    for (let i = 0; i < 500; i++) {
      const layout = randomStruct(random);
      const size = maxSize(layout);
      const view = new DataView(random.bytes(size + 11).buffer);
      const least = layout.size;
      const end = 5 + least + random.below(size - least + 6);
      const fast = generated(layout, least, short)(view, 5, end);
      const slow = closures(layout, least, short)(view, 5, end);
      // Not toStrictEqual, which is at a loss with a field called `constructor`.
      expect(isDeepStrictEqual(fast, slow)).toBe(true);
      expect(Object.keys(fast as object)).toEqual(Object.keys(slow as object));
    }
  });

  it('convert to JSON that JSON.stringify takes and that names every field', () => {
    const random = new Random(3);
    for (let i = 0; i < 200; i++) {
      const layout = randomStruct(random);
      const value = decode(layout, random.bytes(maxSize(layout)));
      const json = toJson(layout, value);
      // A number in a u64.number is a number also where it has lost digits; all of them are finite.
      expect(JSON.parse(JSON.stringify(json))).toEqual(json);
      expect(Object.keys(json as object)).toEqual(Object.keys(value as object));
    }
  });
});
