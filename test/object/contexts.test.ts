import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as contexts from '../../src/object/contexts.ts';

// What bpftool says; see test/golden/object/make.mjs.
interface Row {
  readonly size: number;
  readonly fields: Readonly<Record<string, number>>;
}
const golden = new URL('../golden/object/contexts.json', import.meta.url);
const rows = JSON.parse(readFileSync(golden, 'utf8')) as Record<string, Row>;

/** Our names of unions that have none in C. */
const ANONYMOUS = new Set(['addresses', 'value']);
/** Our paths whose names in C are other ones. */
const NAMES: Readonly<Record<string, string>> = {
  'ipv4.src': 'ipv4_src',
  'ipv4.dst': 'ipv4_dst',
  'ipv6.src': 'ipv6_src',
  'ipv6.dst': 'ipv6_dst',
};

interface Field {
  readonly name: string;
  readonly offset: number;
  readonly layout: object;
}

/** The fields with their offsets, as C names them. */
const fieldsOf = (members: readonly Field[], base = 0, prefix = ''): [string, number][] =>
  members.flatMap(({ name, offset, layout }): [string, number][] => {
    const at = base + offset;
    if (!('members' in layout)) return [[NAMES[prefix + name] ?? prefix + name, at]];
    const inner = ANONYMOUS.has(name) ? '' : `${name}.`;
    return fieldsOf(layout.members as readonly Field[], at, inner);
  });

describe('the contexts', () => {
  it.each(Object.values(contexts).map((context) => [context.name, context] as const))(
    'have the fields of %s where the kernel has them',
    (name, context) => {
      const { size, fields } = rows[name]!;
      const ours = Object.fromEntries(fieldsOf(context.members));
      // The cookie is another view of the socket.
      const { cookie: _cookie, ...expected } = fields;
      expect(ours).toEqual(expected);
      expect(context.size).toBe(size);
    },
  );

  it('are all that the golden file has', () => {
    expect(Object.values(contexts).map(({ name }) => name)).toEqual(Object.keys(rows));
  });
});
