/**
 * Makes records.json: C structs and unions, where three compilers put their fields, and what one of them writes into
 * memory for given values. The compilers must agree; ours is compared with them in test/layout/compilers.test.ts.
 *
 *   node test/golden/layout/make.mjs        (gcc and clang-19 on an x86-64 machine)
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SEED = 20251121;

// What C calls our scalars, with their bits and sign.
const SCALARS = {
  u8: ['unsigned char', 8, false],
  u16: ['unsigned short', 16, false],
  u32: ['unsigned int', 32, false],
  u64: ['unsigned long', 64, false],
  i8: ['signed char', 8, true],
  i16: ['short', 16, true],
  i32: ['int', 32, true],
  i64: ['long', 64, true],
  bool: ['_Bool', 1, false],
};

let state = SEED;
const random = () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];

// A field is [name, layout]; a layout is 'u32' | 'pointer' | ['bits', 'u32', 3] | ['array', layout, n] | ['record', name].
const records = [];
const record = (name, kind, fields) => records.push({ name, kind, fields });
const struct = (name, ...fields) => record(name, 'struct', fields.map((f, i) => [`f${i}`, f]));
const union = (name, ...fields) => record(name, 'union', fields.map((f, i) => [`f${i}`, f]));
const bits = (type, width) => ['bits', type, width];
const array = (layout, n) => ['array', layout, n];
const of = (name) => ['record', name];

// Corners.
struct('empty_tail', 'u64', 'u8');
struct('holes', 'u8', 'u64', 'u8', 'u32', 'u8', 'u16', 'u8');
struct('pointers', 'u8', 'pointer', 'u8', array('pointer', 3));
struct('packed_bits', bits('u8', 3), bits('u8', 5), bits('u8', 1));
struct('bits_that_straddle', bits('u8', 3), bits('u32', 30), bits('u64', 40));
struct('bits_fill_a_unit', bits('u32', 31), bits('u32', 1), bits('u32', 32), bits('u32', 1));
struct('bits_of_mixed_types', bits('u8', 7), bits('u16', 9), bits('u32', 3), bits('u64', 13));
struct('bits_after_bytes', 'u8', bits('u32', 24), 'u8', bits('u32', 25));
struct('bytes_after_bits', bits('u32', 3), 'u8', bits('u32', 3), 'u16', bits('u64', 1), 'u8');
struct('wide_bits', bits('u64', 63), bits('u64', 2), bits('u64', 64), bits('u8', 1));
struct('signed_bits', bits('i8', 3), bits('i32', 17), bits('i64', 33), bits('i16', 16), bits('i32', 1));
struct('flags', bits('bool', 1), bits('bool', 1), bits('u32', 6), 'bool', bits('bool', 1));
struct('one_wide_bit', bits('u64', 1));
struct('short_bits', bits('u16', 15), bits('u16', 2), bits('u8', 8), bits('u16', 8));
struct('bits_share_a_wide_unit', 'u32', bits('u64', 16), bits('u64', 17), 'u8');
union('views', 'u8', 'u32', array('u8', 6));
union('bit_views', bits('u32', 3), bits('u8', 7), bits('u64', 33));
union('padded_views', array('u16', 5), 'u32');
struct('with_union', 'u8', of('views'), 'u8', of('bit_views'));
struct('grid', 'u8', array(array('u16', 3), 5), 'u32');
struct('nested', 'u16', of('holes'), array(of('packed_bits'), 3), 'u8');
struct('array_of_arrays_of_structs', 'u8', array(array(of('empty_tail'), 2), 2));
struct('bits_after_a_struct', of('packed_bits'), bits('u32', 5), bits('u32', 4));

// Anything.
const randomScalar = () => pick(Object.keys(SCALARS));
const randomBits = () => {
  const type = randomScalar();
  return bits(type, 1 + below(SCALARS[type][1]));
};
const randomLayout = (depth, inArray = false) => {
  const roll = random();
  if (!inArray && roll < 0.4) return randomBits();
  if (roll < 0.7 || depth === 0) return randomScalar();
  if (roll < 0.75) return 'pointer';
  if (roll < 0.88) return array(randomLayout(depth - 1, true), 1 + below(4));
  return of(pick(records).name);
};
for (let i = 0; i < 30; i++) {
  const fields = Array.from({ length: 1 + below(9) }, () => randomLayout(2));
  (i % 6 === 5 ? union : struct)(`random${i}`, ...fields);
}

// C.
const byName = new Map(records.map((r) => [r.name, r]));
const declare = (layout, name) => {
  if (layout === 'pointer') return `void *${name}`;
  if (typeof layout === 'string') return `${SCALARS[layout][0]} ${name}`;
  if (layout[0] === 'bits') return `${SCALARS[layout[1]][0]} ${name} : ${layout[2]}`;
  if (layout[0] === 'array') return declare(layout[1], `${name}[${layout[2]}]`);
  return `${byName.get(layout[1]).kind} ${layout[1]} ${name}`;
};
const definition = ({ kind, name, fields }) =>
  `${kind} ${name} {\n${fields.map(([f, l]) => `  ${declare(l, f)};`).join('\n')}\n};`;

// Values: JSON, with 64-bit ones as strings, and the C that assigns them.
const integer = (width, signed) => {
  const raw = BigInt.asUintN(width, (BigInt(below(2 ** 32)) << 32n) | BigInt(below(2 ** 32)));
  const special = [0n, 1n, (1n << BigInt(width)) - 1n, 1n << BigInt(width - 1)];
  const chosen = random() < 0.3 ? pick(special) : raw;
  return signed ? BigInt.asIntN(width, chosen) : BigInt.asUintN(width, chosen);
};
const literal = (n) => (n < 0n ? `(long)${BigInt.asUintN(64, n)}ul` : `${n}ul`);
const valueOf = (layout, path, code) => {
  if (layout === 'pointer') {
    const n = integer(64, false);
    code.push(`${path} = (void *)${literal(n)};`);
    return String(n);
  }
  if (typeof layout === 'string' || layout[0] === 'bits') {
    const type = typeof layout === 'string' ? layout : layout[1];
    const [, width, signed] = SCALARS[type];
    const n = integer(typeof layout === 'string' ? width : layout[2], signed);
    code.push(`${path} = ${literal(n)};`);
    if (type === 'bool') return n === 1n;
    return type.endsWith('64') ? String(n) : Number(n);
  }
  if (layout[0] === 'array') {
    return Array.from({ length: layout[2] }, (_, i) => valueOf(layout[1], `${path}[${i}]`, code));
  }
  const { kind, fields } = byName.get(layout[1]);
  const chosen = kind === 'union' ? [pick(fields)] : fields;
  return Object.fromEntries(chosen.map(([f, l]) => [f, valueOf(l, `${path}.${f}`, code)]));
};

const folder = mkdtempSync(join(tmpdir(), 'layout-'));
const types = `#include <stddef.h>\n${records.map(definition).join('\n')}\n`;

// gcc runs: a bitfield is found by setting all its bits.
const values = new Map();
const probes = records.map(({ kind, name, fields }) => {
  const where = fields.map(([f, l]) =>
    l[0] === 'bits'
      ? `memset(&v, 0, sizeof v); v.${f} = -1; bits("${f}", &v, sizeof v);`
      : `printf(" ${f}@%zu+%zu", 8 * offsetof(${kind} ${name}, ${f}), 8 * sizeof v.${f});`,
  );
  const examples = Array.from({ length: 3 }, () => {
    const code = [];
    const value = valueOf(of(name), 'v', code);
    return { value, code };
  });
  values.set(name, examples.map(({ value }) => value));
  const written = examples.map(
    ({ code }) => `memset(&v, 0, sizeof v); ${code.join(' ')} hex(&v, sizeof v);`,
  );
  return `{ ${kind} ${name} v; printf("${name} %zu %zu", sizeof v, _Alignof(${kind} ${name}));
    ${where.join('\n    ')}
    ${written.join('\n    ')}
    puts(""); }`;
});
const main = `#include <stdio.h>\n#include <string.h>\n${types}
static void bits(const char *name, const void *p, size_t n) {
  size_t first = 0, count = 0;
  for (size_t i = 0; i < 8 * n; i++)
    if (((const unsigned char *)p)[i / 8] >> i % 8 & 1) { if (!count++) first = i; }
  printf(" %s@%zu+%zu", name, first, count);
}
static void hex(const void *p, size_t n) {
  printf(" =");
  for (size_t i = 0; i < n; i++) printf("%02x", ((const unsigned char *)p)[i]);
}
int main(void) {\n${probes.join('\n')}\nreturn 0; }\n`;
writeFileSync(join(folder, 'main.c'), main);
execFileSync('gcc', ['-O0', '-w', '-o', join(folder, 'main'), join(folder, 'main.c')]);
const gcc = new Map();
const bytes = new Map();
for (const line of execFileSync(join(folder, 'main'), { encoding: 'utf8' }).trim().split('\n')) {
  const [name, ...rest] = line.split(' ');
  gcc.set(name, rest.filter((word) => !word.startsWith('=')).join(' '));
  bytes.set(name, rest.filter((word) => word.startsWith('=')).map((word) => word.slice(1)));
}

// clang says what it would do, for any target.
const clang = (target) => {
  const uses = records.map(({ kind, name }) => `int size_${name} = sizeof(${kind} ${name});`);
  const file = join(folder, 'types.c');
  writeFileSync(file, `${types}${uses.join('\n')}\n`);
  const dump = execFileSync(
    'clang-19',
    [`--target=${target}`, '-Xclang', '-fdump-record-layouts', '-ffreestanding', '-fsyntax-only', file],
    { encoding: 'utf8' },
  );
  const found = new Map();
  for (const block of dump.split('*** Dumping AST Record Layout').slice(1)) {
    const lines = block.split('\n').filter(Boolean);
    const name = / \| (?:struct|union) (\w+)$/.exec(lines[0])?.[1];
    const { fields } = byName.get(name);
    const [, size, align] = /sizeof=(\d+), align=(\d+)/.exec(block);
    const places = new Map();
    for (const line of lines) {
      // Two blanks after the bar: a field of the record itself, not of one inside it.
      const match = /^ *(\d+)(?::(\d+)-(\d+))? \|   (?! ).*?(\w+)$/.exec(line);
      if (!match) continue;
      const [, byte, from, to, field] = match;
      const width = from === undefined ? undefined : to - from + 1;
      places.set(field, [byte * 8 + Number(from ?? 0), width]);
    }
    const text = fields.map(([f]) => [f, ...places.get(f)]);
    found.set(name, { size, align, text });
  }
  return found;
};
for (const target of ['x86_64-linux-gnu', 'aarch64-linux-gnu']) {
  const found = clang(target);
  for (const { name } of records) {
    const words = gcc.get(name).split(' ');
    const { size, align, text } = found.get(name);
    // The dump has the widths of bitfields only.
    const mine = text.map(([f, bit, width], i) => `${f}@${bit}+${width ?? words[i + 2].split('+')[1]}`);
    const line = [size, align, ...mine].join(' ');
    if (line !== gcc.get(name)) throw new Error(`${target} ${name}: ${line}; gcc: ${gcc.get(name)}`);
  }
}

const version = (tool) => execFileSync(tool, ['--version'], { encoding: 'utf8' }).split('\n')[0];
const rows = records.map(({ name, kind, fields }) => {
  const [size, align, ...places] = gcc.get(name).split(' ');
  const at = Object.fromEntries(places.map((p) => p.split('@')).map(([f, p]) => [f, p.split('+').map(Number)]));
  const examples = values.get(name).map((value, i) => [value, bytes.get(name)[i]]);
  return { name, kind, fields, size: Number(size), align: Number(align), at, examples };
});
const header = {
  command: 'node test/golden/layout/make.mjs',
  compilers: [
    `${version('gcc')}, x86-64`,
    `${version('clang-19')}, x86_64-linux-gnu and aarch64-linux-gnu`,
  ],
  seed: SEED,
  key: 'fields: [name, layout]; at: name -> [first bit, bits]; examples: [value, bytes that gcc writes]',
};
const json = `{\n${Object.entries(header).map(([k, v]) => `  ${JSON.stringify(k)}: ${JSON.stringify(v)},\n`).join('')}  "records": [\n${rows.map((r) => `    ${JSON.stringify(r)}`).join(',\n')}\n  ]\n}\n`;
writeFileSync(new URL('records.json', import.meta.url), json);
rmSync(folder, { recursive: true });
console.log(`${rows.length} records; the compilers agree`);
