/**
 * @module
 * Decoders as generated JavaScript: one expression for a struct, with every offset a constant.
 * @example
 * // struct('event', { pid: u32, comm: chars(16) }) becomes
 * // (view, at, end) => {
 * //   if (end - at < 20) short(end - at);
 * //   return { "pid": view.getUint32(at + 0, true), "comm": readComm(view, at + 4) };
 * // }
 */
import type { Decoder } from './decode.ts';
import { integerOf, source } from './integers.ts';
import { enumerators, shiftOf } from './shape.ts';
import { bytesOf, readComm, readString } from './strings.ts';
import type { ArrayOf, Layout } from './types.ts';

/** What the generated code needs besides its expression. */
interface Unit {
  /** Functions that it declares: one for each array. */
  readonly functions: string[];
  /** Values that it is given, as `given[n]`. */
  readonly given: unknown[];
}

/** A decoder of `layout` that calls `short` for records below `least` bytes. */
export const generated = (
  layout: Layout,
  least: number,
  short: (length: number) => never,
): Decoder<unknown> => {
  const unit: Unit = { functions: [], given: [] };
  const value = expression(unit, layout, 0);
  const names = unit.given.map((_, index) => `given${index}`);
  const code = [
    "'use strict';",
    ...unit.functions,
    'return (view, at, end) => {',
    `if (end - at < ${least}) short(end - at);`,
    `return ${value};`,
    '};',
  ];
  const parameters = ['short', 'bytesOf', 'readComm', 'readString', ...names];
  const make = new Function(...parameters, code.join('\n'));
  return make(short, bytesOf, readComm, readString, ...unit.given) as Decoder<unknown>;
};

/** The value of `layout`, `offset` bytes from `at`. */
function expression(unit: Unit, layout: Layout, offset: number, shift = 0): string {
  const at = `at + ${offset}`;
  switch (layout.kind) {
    case 'scalar':
    case 'bitfield':
    case 'pointer':
      return source(integerOf(layout, shift), at);
    case 'enum': {
      const name = `given${unit.given.push(enumerators(layout)) - 1}`;
      return `${name}(${source(integerOf(layout), at)})`;
    }
    case 'chars':
      return layout.size === 16
        ? `readComm(view, ${at})`
        : `readString(view, ${at}, ${at} + ${layout.size})`;
    case 'text':
      return `readString(view, ${at}, Math.min(end, ${at} + ${layout.max}))`;
    case 'bytes':
      return `bytesOf(view).slice(${at}, ${at} + ${layout.size})`;
    case 'array':
      return `${elements(unit, layout)}(view, ${at}, end)`;
    case 'struct': {
      const fields = layout.members.map((member) => {
        const inner = offset + member.offset;
        return `${key(member.name)}: ${expression(unit, member.layout, inner, shiftOf(member))}`;
      });
      return `{ ${fields.join(', ')} }`;
    }
  }
}

/** A computed key is an own property whatever it is called; `"__proto__": x` would set the prototype. */
const key = (name: string): string =>
  name === '__proto__' ? `[${JSON.stringify(name)}]` : JSON.stringify(name);

/** Declares the function that reads an array. */
function elements(unit: Unit, { element, length }: ArrayOf<Layout>): string {
  const value = expression(unit, element, 0);
  const name = `array${unit.functions.length}`;
  unit.functions.push(
    [
      `function ${name}(view, at, end) {`,
      `const values = new Array(${length});`,
      `for (let i = 0; i < ${length}; i++, at += ${element.size}) values[i] = ${value};`,
      'return values;',
      '}',
    ].join('\n'),
  );
  return name;
}
