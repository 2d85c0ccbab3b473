import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  Btf,
  BtfBuilder,
  type BtfComposite,
  type BtfMember,
  CoreResolver,
  hasTypeScript,
  printTypeScript,
} from '../../src/btf/index.ts';
import {
  type Access,
  type Fields,
  kernelStruct,
  type Layout,
  type Struct,
  u32,
  u64,
} from '../../src/layout/index.ts';
import { accessOf } from '../../src/object/core.ts';
import { TypeInfo } from '../../src/object/type-info.ts';
import { errorOf, hasVmlinux, root, seeded, VMLINUX, vmlinux } from './support.ts';

type AnyStruct = Struct<Fields, Access>;
type Module = Readonly<Record<string, Layout>>;

/** Runs `use` with a folder in which 'beespoke' is the sources. */
const inProject = async <T>(use: (folder: string) => T | Promise<T>): Promise<T> => {
  const folder = mkdtempSync(join(tmpdir(), 'btf-typescript-'));
  try {
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: join(root, 'tsconfig.json'),
        compilerOptions: {
          noEmit: false,
          declaration: true,
          emitDeclarationOnly: true,
          rewriteRelativeImportExtensions: true,
          rootDir: '/',
          outDir: 'out',
          typeRoots: [join(root, 'node_modules/@types')],
          paths: { beespoke: [join(root, 'src/index.ts')] },
        },
        include: ['*.ts'],
        exclude: [],
      }),
    );
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

/** Compiles what stands in a folder; what tsc says of it. The sources have their own check. */
const compile = (folder: string): string => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc], { cwd: folder, encoding: 'utf8' });
  return stdout
    .split('\n')
    .filter((line) => !line.startsWith('..'))
    .join('\n');
};

/** What the printed module exports. */
const load = async (text: string): Promise<Module> =>
  inProject((folder) => {
    const file = join(folder, 'types.ts');
    writeFileSync(file, text.replace("'beespoke'", `'${join(root, 'src/index.ts')}'`));
    return import(/* @vite-ignore */ file) as Promise<Module>;
  });

interface Field {
  readonly path: readonly (string | number)[];
  readonly layout: Layout;
  /** Where BTF has it, in bits. */
  readonly bitOffset: number;
  readonly bitSize: number;
  readonly size: number;
}

/** The member of this name, through unnamed structs and unions. */
const memberOf = (btf: Btf, { members }: BtfComposite, name: string): BtfMember | undefined => {
  for (const member of members) {
    if (member.name === name) return member;
    const inner = member.name === '' ? btf.resolve(member.type) : undefined;
    if (inner?.kind !== 'struct' && inner?.kind !== 'union') continue;
    const found = memberOf(btf, inner, name);
    if (found) return { ...found, bitOffset: found.bitOffset + member.bitOffset };
  }
  return undefined;
};

/** All fields of a layout, those of structs in it and the last elements of arrays too, with their place in BTF. */
const fieldsOf = (
  btf: Btf,
  struct: AnyStruct,
  type: BtfComposite,
  before: Pick<Field, 'path' | 'bitOffset'> = { path: [], bitOffset: 0 },
): Field[] =>
  struct.members.flatMap(({ name, layout }) => {
    const member = memberOf(btf, type, name);
    if (member === undefined) throw new Error(`${type.name} has no ${name}`);
    const own: Field = {
      path: [...before.path, name],
      layout,
      bitOffset: before.bitOffset + member.bitOffset,
      bitSize: member.bitSize,
      size: btf.sizeOf(member.type),
    };
    return [own, ...insideOf(btf, own, member.type)];
  });

const insideOf = (btf: Btf, field: Field, id: number): Field[] => {
  const { layout } = field;
  const type = btf.resolve(id);
  if (layout.kind === 'struct') return fieldsOf(btf, layout, type as BtfComposite, field);
  if (layout.kind !== 'array' || type.kind !== 'array' || layout.length === 0) return [];
  const size = btf.sizeOf(type.type);
  const index = layout.length - 1;
  const last: Field = {
    path: [...field.path, index],
    layout: layout.element,
    bitOffset: field.bitOffset + index * size * 8,
    bitSize: 0,
    size,
  };
  return [last, ...insideOf(btf, last, type.type)];
};

/** What CO-RE makes of the fields of a layout against what BTF says, in as many words for each that is wrong. */
const mistakes = (btf: Btf, struct: AnyStruct, type: BtfComposite): string[] => {
  const info = new TypeInfo();
  const typeId = info.idOf(struct);
  const fields = fieldsOf(btf, struct, type);
  const resolver: CoreResolver = new CoreResolver(info.builder.build(), btf);
  return fields.flatMap(({ path, layout, bitOffset, bitSize, size }) => {
    const access = accessOf(struct, path);
    const ask = (kind: 'field_byte_offset' | 'field_byte_size' | 'field_lshift_u64'): number =>
      Number(resolver.resolve({ kind, typeId, access }).value);
    const found = resolver.resolve({ kind: 'field_byte_offset', typeId, access });
    const where = `${type.name}.${path.join('.')}`;
    if (found.poison) return [`${where} is not found`];
    if (bitSize === 0) {
      const isScalar = layout.kind === 'scalar' || layout.kind === 'pointer';
      if (isScalar && layout.size !== size)
        return [`${where} has ${size} bytes, not ${layout.size}`];
      const is = [ask('field_byte_offset') * 8, ask('field_byte_size')];
      return is[0] === bitOffset && is[1] === size
        ? []
        : [`${where}: ${is}, not ${bitOffset},${size}`];
    }
    // Shifted left by this, the top bit of the unit's 64 is the field's.
    const start = 8 * ask('field_byte_offset') + 64 - ask('field_lshift_u64') - bitSize;
    return start === bitOffset ? [] : [`${where}: bit ${start}, not ${bitOffset}`];
  });
};

describe.skipIf(!hasVmlinux)(
  `layouts of the running kernel's types (skipped without ${VMLINUX})`,
  () => {
    const btf = hasVmlinux ? vmlinux() : new BtfBuilder().build();
    const { pick, seed } = seeded();

    /** The composites that were asked for, and the names under which they are exported. */
    const check = async (ids: readonly number[]): Promise<void> => {
      const text = printTypeScript(btf, ids);
      const exported = Object.values(await load(text));
      for (const id of ids) {
        const type = btf.type(id) as BtfComposite;
        const found = exported.filter(
          (each): each is AnyStruct => each.kind === 'struct' && each.name === type.name,
        );
        expect(found.length, type.name).toBeGreaterThan(0);
        expect(mistakes(btf, found[0]!, type), `seed ${seed}`).toEqual([]);
      }
      await inProject((folder) => {
        writeFileSync(join(folder, 'types.ts'), text);
        expect(compile(folder), `seed ${seed}`).toBe('');
      });
    };

    it('of task_struct, sock, file and nf_conn compile and lead to the right places', async () => {
      const names = ['task_struct', 'sock', 'file', 'nf_conn'];
      const ids = names.map((name) => btf.findByName(name, 'struct'));
      await check(ids.filter((id) => id !== undefined));
    });

    it('of 60 others do too', async () => {
      const names = new Map<string, number[]>();
      for (let id = 1; btf.has(id); id++) {
        const { kind, name } = btf.type(id);
        if (name === '' || (kind !== 'struct' && kind !== 'union')) continue;
        names.set(name, [...(names.get(name) ?? []), id]);
      }
      // CO-RE cannot tell two structs of one name apart.
      const unique = [...names.values()].filter((ids) => ids.length === 1).map(([id]) => id!);
      await check(pick(unique, 60));
    });

    it('would be found wrong if they were', () => {
      const task = btf.type(btf.findByName('task_struct', 'struct')!) as BtfComposite;
      const wrong = kernelStruct('task_struct', { pid: u64, comm: u32 });
      expect(mistakes(btf, wrong, task)).toEqual([
        'task_struct.pid has 4 bytes, not 8',
        'task_struct.comm is not found',
      ]);
    });

    it('have hundreds of fields in the case of task_struct, bitfields too', async () => {
      const id = btf.findByName('task_struct', 'struct')!;
      const { TaskStruct } = await load(printTypeScript(btf, [id]));
      const fields = fieldsOf(btf, TaskStruct as AnyStruct, btf.type(id) as BtfComposite);
      expect(fields.length).toBeGreaterThan(300);
      expect(fields.filter(({ bitSize }) => bitSize > 0).length).toBeGreaterThan(5);
    });
  },
);

/** A union in a struct without a name, pointers, and what layouts do not have. */
const sample = (): { readonly btf: Btf; readonly id: (name: string) => number } => {
  const b = new BtfBuilder();
  const int = b.int('int', 4, 'signed');
  const char = b.int('char', 1);
  const wide = b.int('unsigned __int128', 16);
  const counter = b.typedef(
    'atomic_t',
    b.struct('', 4, [{ name: 'counter', type: int, bitOffset: 0 }]),
  );
  const color = b.enum('color', { RED: 0, GREEN: -1 });
  const other = b.struct('other', 8, [{ name: 'x', type: b.ptr(0), bitOffset: 0 }]);
  const node = b.reserve();
  const link = b.ptr(node);
  const views = b.union('', 8, [
    { name: 'low', type: int, bitOffset: 0 },
    { name: '__proto__', type: b.int('unsigned char', 1), bitOffset: 0 },
  ]);
  const hook = b.ptr(b.funcProto(int, [{ name: '', type: b.ptr(b.const(char)) }]));
  b.define(node, {
    kind: 'struct',
    name: 'tree_node',
    size: 96,
    members: [
      { name: 'children', type: b.array(link, 2), bitOffset: 0, bitSize: 0 },
      { name: '', type: views, bitOffset: 128, bitSize: 0 },
      { name: 'counts', type: b.array(counter, 1), bitOffset: 192, bitSize: 0 },
      { name: 'color', type: color, bitOffset: 224, bitSize: 4 },
      { name: 'flag', type: b.int('_Bool', 1, 'bool'), bitOffset: 232, bitSize: 1 },
      { name: 'wide', type: wide, bitOffset: 256, bitSize: 0 },
      { name: 'name', type: b.array(char, 8), bitOffset: 384, bitSize: 0 },
      { name: 'text', type: b.ptr(char), bitOffset: 448, bitSize: 0 },
      { name: 'other', type: b.ptr(other), bitOffset: 512, bitSize: 0 },
      { name: 'hook', type: hook, bitOffset: 576, bitSize: 0 },
      { name: 'any', type: b.ptr(0), bitOffset: 640, bitSize: 0 },
      { name: 'shade', type: color, bitOffset: 704, bitSize: 0 },
    ],
  });
  const btf = b.build();
  return { btf, id: (name) => btf.findByName(name)! };
};

describe('layouts as TypeScript', () => {
  it('hold what they hold by value, lead on to what was asked for, and say what they leave out', () => {
    const { btf, id } = sample();
    expect(printTypeScript(btf, [id('tree_node')])).toBe(`import {
  array,
  type ArrayOf,
  bitfield,
  bool,
  char,
  chars,
  i32,
  kernelEnum,
  kernelStruct,
  pointer,
  type Pointer,
  type Struct,
  u8,
} from 'beespoke';

const atomicTFields = {
  counter: i32,
};
export interface AtomicTFields extends Readonly<typeof atomicTFields> {}
/** typedef atomic_t of an unnamed struct: CO-RE finds its fields only inside of other structs */
export const AtomicT: Struct<AtomicTFields, 'core'> = kernelStruct('atomic_t', atomicTFields);

/** enum color */
export const Color = kernelEnum('color', {
  RED: 0,
  GREEN: -1,
});

const treeNodeFields = {
  get children(): ArrayOf<Pointer<typeof TreeNode>, 2> {
    return array(pointer(TreeNode), 2);
  },
  low: i32,
  ['__proto__']: u8,
  get counts(): ArrayOf<typeof AtomicT, 1> {
    return array(AtomicT, 1);
  },
  // enum color color: layouts have no bitfields of enums
  flag: bitfield(bool, 1),
  // unsigned __int128 wide: no layout is as wide
  name: chars(8),
  text: pointer(char),
  other: pointer(), // struct other *
  hook: pointer(), // int (*)(const char *)
  any: pointer(),
  shade: Color,
};
export interface TreeNodeFields extends Readonly<typeof treeNodeFields> {}
/** struct tree_node */
export const TreeNode: Struct<TreeNodeFields, 'core'> = kernelStruct('tree_node', treeNodeFields);
`);
    const both = printTypeScript(btf, [id('other'), id('tree_node')]);
    expect(both).toContain('  other: pointer(Other),\n');
  });

  it('compile, and have the types that they say', async () => {
    const { btf, id } = sample();
    const text = printTypeScript(btf, [id('tree_node')]);
    const use = `import { coreRead, r1, r8, w1 } from 'beespoke';
import { TreeNode } from './types.ts';
const node = TreeNode.at(r8);
export const code = [
  coreRead(w1, node.counts[0].counter),
  coreRead(r1, node.other),
  // @ts-expect-error: it is 32 bits wide
  coreRead(r1, node.low),
  // @ts-expect-error: what it points to was not asked for
  coreRead(r1, node.other.x),
];
`;
    await inProject((folder) => {
      writeFileSync(join(folder, 'types.ts'), text);
      writeFileSync(join(folder, 'use.ts'), use);
      expect(compile(folder)).toBe('');
      const declarations = readFileSync(join(folder, 'out', folder, 'types.d.ts'), 'utf8');
      expect(declarations).toContain('readonly children: ArrayOf<Pointer<typeof TreeNode>, 2>;');
      expect(declarations).not.toMatch(/\bany\b;|\.\.\./);
    });
  });

  it('have names of their own where C has the same name twice', () => {
    const b = new BtfBuilder();
    const fields = [{ name: 'x', type: b.int('int', 4, 'signed'), bitOffset: 0 }];
    for (const name of ['state', 'state', '_state', 'pointer']) b.struct(name, 4, fields);
    const names = printTypeScript(b.build()).matchAll(/export const (\w+)/g);
    expect([...names].map(([, name]) => name)).toEqual([
      'State',
      'State_2',
      'State_3',
      'Pointer_2',
    ]);
  });

  it('have nothing in them that would be code, whatever a file calls its types', async () => {
    const evil = `x'); throw 1; ('`;
    const placeholder = 'P'.repeat(evil.length);
    const b = new BtfBuilder();
    const int = b.int('int', 4, 'signed');
    const color = b.enum('color', { [placeholder]: 1, GOOD: 2 });
    const bad = b.struct(placeholder, 4, [{ name: 'x', type: int, bitOffset: 0 }]);
    b.struct('outer', 24, [
      { name: 'inner', type: bad, bitOffset: 0 },
      { name: placeholder, type: int, bitOffset: 32 },
      { name: 'color', type: color, bitOffset: 64 },
      { name: 'to', type: b.ptr(bad), bitOffset: 128 },
    ]);
    const bytes = Buffer.from(b.encode());
    bytes.write(evil, bytes.indexOf(placeholder), 'latin1');
    const btf = new Btf(bytes);
    const text = printTypeScript(btf);
    expect(text).not.toContain(evil);
    const { Outer, Color } = await load(text);
    expect(Object.keys((Outer as AnyStruct).fields)).toEqual(['inner', 'color', 'to']);
    expect(Color).toMatchObject({ values: { GOOD: 2 } });
    expect(hasTypeScript(btf, btf.findByName(evil, 'struct')!)).toBe(false);
  });

  it('end with an error where a struct holds itself', () => {
    const b = new BtfBuilder();
    const self = b.reserve();
    b.define(self, {
      kind: 'struct',
      name: 'self',
      size: 4,
      members: [{ name: 'me', type: self, bitOffset: 0, bitSize: 0 }],
    });
    expect(errorOf(() => printTypeScript(b.build(), [self])).message).toMatch(/holds itself/);
  });
});
