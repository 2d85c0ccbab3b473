/**
 * @module
 * The kernel of a simulation that is given no BTF: as much of it as the programs themselves declare. Structs that are
 * declared several times under one name are one struct, with the fields of all.
 */
import { type Btf, type BtfBuilder, essentialName } from '../btf/index.ts';
import type { Access, Fields, Layout, Struct } from '../layout/index.ts';
import {
  type Hook,
  type ObjectSpec,
  type ProgramSpec,
  relocationOf,
  type TracepointField,
  TypeInfo,
  variantsOf,
  visitProgram,
} from '../object/index.ts';

type AnyStruct = Struct<Fields, Access>;

export interface LocalTypes {
  /** Made when it is first asked for. */
  readonly btf: Btf;
  /** The records of tracepoints, by `category/name`. */
  readonly records: ReadonlyMap<string, readonly TracepointField[]>;
}

export const localTypes = (spec: ObjectSpec): LocalTypes => {
  const merged = new Merger();
  const records = new Map<string, readonly TracepointField[]>();
  const functions = new Map<string, AnyStruct>();
  for (const program of Object.values(spec.programs).flatMap(variantsOf))
    visitRoots(program, (root) => {
      if (root.origin === 'kernel') merged.collect(root);
      else if (root.origin === 'tracepoint' && 'category' in program.hook)
        records.set(`${program.hook.category}/${program.hook.name}`, recordOf(root));
      else if (root.origin === 'arguments') {
        const name = functionOf(program.hook);
        const known = functions.get(name);
        const isLonger = !known || known.members.length < root.members.length;
        // Functions of files and patterns of functions have no prototype in the kernel.
        if (isLonger && /^\w+$/.test(name)) functions.set(name, root);
        for (const { layout } of root.members) merged.collect(layout);
      }
    });
  let btf = spec.types;
  return {
    get btf() {
      btf ??= merged.build(functions);
      return btf;
    },
    records,
  };
};

const visitRoots = (program: ProgramSpec, each: (root: AnyStruct) => void): void =>
  visitProgram(program, (item) => {
    const root = relocationOf(item)?.root;
    if (root?.kind === 'struct') each(root);
  });

/** The function of the kernel whose prototype has the arguments of a hook. */
export const functionOf = ({ type, name }: Hook): string => {
  if (type.startsWith('tp_btf') || type.startsWith('raw_tp')) return `__bpf_trace_${name}`;
  return type.startsWith('lsm') ? `bpf_lsm_${name}` : name;
};

/** The fields behind the eight bytes that every record begins with. */
const recordOf = (root: AnyStruct): TracepointField[] => {
  let end = 8;
  return root.members.map(({ name, layout }) => {
    const offset = Math.ceil(end / layout.align) * layout.align;
    end = offset + layout.size;
    const signed = 'signed' in layout && layout.signed;
    const type = 'name' in layout ? layout.name : layout.kind;
    return { name, offset, size: layout.size, signed, declaration: `${type} ${name}` };
  });
};

/** Puts the declarations of kernel structs together. */
class Merger {
  readonly #types = new TypeInfo();
  readonly #fields = new Map<string, Map<string, Layout>>();
  readonly #unions = new Set<string>();
  readonly #seen = new Set<Layout>();
  readonly #ids = new Map<string, number>();
  readonly #done = new Map<string, number>();

  get #builder(): BtfBuilder {
    return this.#types.builder;
  }

  /** Takes note of a layout and of all that it reaches. */
  collect(layout: Layout | undefined): void {
    if (layout === undefined || this.#seen.has(layout)) return;
    this.#seen.add(layout);
    if (layout.kind === 'pointer') this.collect(layout.to as Layout | undefined);
    else if (layout.kind === 'array') this.collect(layout.element);
    else if (layout.kind === 'struct') {
      const fields = this.#fields.get(layout.name) ?? new Map<string, Layout>();
      this.#fields.set(layout.name, fields);
      if (layout.union) this.#unions.add(layout.name);
      for (const member of layout.members) {
        if (!fields.has(member.name)) fields.set(member.name, member.layout);
        this.collect(member.layout);
      }
    }
  }

  #define(): void {
    const names = [...this.#fields.keys()].filter((name) => this.#plain(name) === name);
    for (const name of names) this.#ids.set(name, this.#builder.reserve());
    for (const name of names) this.#sizeOf(name);
  }

  /** A function with these arguments. Those that the kernel's macros make of tracepoints have one more before. */
  #prototype(name: string, root: AnyStruct): void {
    const builder = this.#builder;
    const params = root.members
      .filter((member) => member.name !== 'retval')
      .map((member) => ({ name: member.name, type: this.#idOf(member.layout) }));
    const before = name.startsWith('__bpf_trace_')
      ? [{ name: '__data', type: builder.ptr(0) }]
      : [];
    const result = root.members.find((member) => member.name === 'retval')?.layout;
    const proto = builder.funcProto(result ? this.#idOf(result) : 0, [...before, ...params]);
    builder.func(name, proto, 'static');
  }

  /** All that was collected, and functions by their names, with their arguments. */
  build(functions: ReadonlyMap<string, AnyStruct>): Btf {
    this.#define();
    for (const [name, root] of functions) this.#prototype(name, root);
    // A kernel has types, and so has this one.
    this.#builder.int('int', 4, 'signed');
    return this.#builder.build({ label: 'the simulated kernel' });
  }

  /** A flavour (`task_struct___old`) is of other kernels where the struct is declared as well. */
  #plain(name: string): string {
    const plain = essentialName(name);
    return this.#fields.has(plain) ? plain : name;
  }

  /** The size of a struct, which is defined by then. */
  #sizeOf(name: string): number {
    const before = this.#done.get(name);
    if (before !== undefined) return before;
    const union = this.#unions.has(name);
    let end = 0;
    let size = 0;
    const members = [...this.#fields.get(name)!].map(([field, layout]) => {
      const width = this.#widthOf(layout);
      const at = union ? 0 : Math.ceil(end / 8) * 8;
      end = at + width;
      size = Math.max(size, end);
      return {
        name: field,
        type: this.#idOf(layout),
        bitOffset: at * 8,
        bitSize: layout.kind === 'bitfield' ? layout.width : 0,
      };
    });
    const rounded = Math.ceil(size / 8) * 8;
    this.#done.set(name, rounded);
    const kind = union ? 'union' : 'struct';
    const known = essentialName(name);
    this.#builder.define(this.#ids.get(name)!, { kind, name: known, size: rounded, members });
    return rounded;
  }

  #widthOf(layout: Layout): number {
    if (layout.kind === 'struct') return this.#sizeOf(this.#plain(layout.name));
    if (layout.kind === 'array') return layout.length * this.#widthOf(layout.element);
    return layout.size;
  }

  #idOf(layout: Layout): number {
    if (layout.kind === 'struct') return this.#ids.get(this.#plain(layout.name))!;
    if (layout.kind === 'pointer')
      return this.#builder.ptr(layout.to === undefined ? 0 : this.#idOf(layout.to as Layout));
    if (layout.kind === 'array')
      return this.#builder.array(this.#idOf(layout.element), layout.length);
    return this.#types.idOf(layout);
  }
}
