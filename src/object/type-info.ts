/**
 * @module
 * The BTF of an object: the types of maps and globals, the kernel structs that CO-RE starts from, the functions. An
 * object from a file brings its own.
 */
import type { FileType, Subprogram } from '../asm/index.ts';
import { type Btf, BtfBuilder, type BtfFeature } from '../btf/index.ts';
import type { Access, Enum, Fields, Layout, Scalar, Struct, Width } from '../layout/index.ts';
import type { ExternSpec } from './extern-spec.ts';
import { addFunctionLike, type ForeignFunction } from './foreign-function.ts';
import type { KernelFunction } from './kfunc.ts';

/** The C names of our integers. */
const INTEGERS: Readonly<
  Record<string, readonly [string, 'unsigned' | 'signed' | 'bool' | 'char']>
> = {
  u8: ['unsigned char', 'unsigned'],
  u16: ['unsigned short', 'unsigned'],
  u32: ['unsigned int', 'unsigned'],
  u64: ['unsigned long long', 'unsigned'],
  i8: ['signed char', 'signed'],
  i16: ['short', 'signed'],
  i32: ['int', 'signed'],
  i64: ['long long', 'signed'],
  bool: ['_Bool', 'bool'],
  char: ['char', 'signed'],
};

/** Collects types under ids. Each layout gets one id, however often it is asked for. */
export class TypeInfo {
  readonly #file: Btf | undefined;
  #builder: BtfBuilder | undefined;
  readonly #ids = new Map<Layout, number>();
  readonly #externs = new Map<KernelFunction, ExternSpec>();

  /** @param file The types of the file that the object was read from; their ids stay. */
  constructor(file?: Btf) {
    this.#file = file;
  }

  /** Where types are added. Those of a file get there when the first is added. */
  get builder(): BtfBuilder {
    this.#builder ??= this.#file ? BtfBuilder.from(this.#file) : new BtfBuilder();
    return this.#builder;
  }

  /** The bytes, for a kernel that does not know some of it. */
  encode({ without }: { readonly without: readonly BtfFeature[] }): Uint8Array {
    const file = this.extended ? undefined : this.#file;
    const fits = file && without.every((feature) => feature === 'layout' && !file.hasLayout);
    return fits ? file.bytes : this.builder.encode({ without });
  }

  /** The offset of a text in the strings: of a file name or a line. */
  string(text: string): number {
    const known = this.#builder ? undefined : this.#file?.findString(text);
    return known ?? this.builder.string(text);
  }

  /** Whether this is more than what a file has. */
  get extended(): boolean {
    return this.#file === undefined || this.#builder !== undefined;
  }

  /** Whether the types are a file's: then what has no id in it has no type. */
  get fromFile(): boolean {
    return this.#file !== undefined;
  }

  /** What was collected, to read. */
  get local(): Btf {
    return this.#file ?? this.builder.build({ label: 'the program' });
  }

  /** The id of a layout's type. */
  idOf(layout: Layout | FileType): number {
    if (layout.kind === 'type') return layout.id;
    const known = this.#ids.get(layout);
    if (known !== undefined) return known;
    if (layout.kind === 'struct') return this.#struct(layout);
    const id = this.#simple(layout);
    this.#ids.set(layout, id);
    return id;
  }

  /**
   * The id of a program's function: that of its file, or `int name(unsigned long long *ctx)`, of a context that the
   * kernel knows better; or, where it takes the place of another, with the prototype of that one.
   */
  program(name: string, typeId?: number, replaced?: ForeignFunction): number {
    if (typeId !== undefined) return typeId;
    if (replaced) return addFunctionLike(this.builder, name, replaced);
    const { builder } = this;
    const proto = builder.funcProto(builder.int('int', 4, 'signed'), [
      { name: 'ctx', type: builder.ptr(builder.int('unsigned long long', 8)) },
    ]);
    return builder.func(name, proto, 'global');
  }

  /** The id of a subprogram's function, whose arguments are 64-bit numbers as far as types go. */
  subprogram({ name, arity, global, typeId }: Subprogram): number {
    if (typeId !== undefined) return typeId;
    const { builder } = this;
    const long = builder.int('unsigned long long', 8);
    const params = Array.from({ length: arity }, (_, index) => ({
      name: `arg${index + 1}`,
      type: long,
    }));
    return builder.func(name, builder.funcProto(long, params), global ? 'global' : 'static');
  }

  /** A function of the kernel's with its prototype. */
  extern(declared: KernelFunction): ExternSpec {
    const known = this.#externs.get(declared);
    if (known) return known;
    const { builder } = this;
    const params = declared.args.map((layout, index) => ({
      name: `arg${index + 1}`,
      type: this.idOf(layout),
    }));
    const result = declared.returns ? this.idOf(declared.returns) : 0;
    const { kind, name, form, weak } = declared;
    const extern = { kind, name, form, weak, typeId: builder.funcProto(result, params) };
    this.#externs.set(declared, extern);
    return extern;
  }

  #simple(layout: Exclude<Layout, Struct<Fields, Access>>): number {
    const { builder } = this;
    switch (layout.kind) {
      case 'scalar':
        return this.#integer(layout);
      case 'bitfield':
        return this.idOf(layout.type);
      case 'enum':
        return this.#enumeration(layout);
      case 'chars':
        return builder.array(builder.int('char', 1, 'signed'), layout.size);
      case 'text':
        return builder.array(builder.int('char', 1, 'signed'), 0);
      case 'bytes':
        return builder.array(builder.int('unsigned char', 1), layout.size);
      case 'array':
        return builder.array(this.idOf(layout.element), layout.length);
      case 'pointer':
        return builder.ptr(layout.to === undefined ? 0 : this.idOf(layout.to as Layout));
    }
  }

  #integer({ name, size, signed }: Scalar<unknown, Width>): number {
    const [spelling, encoding] = INTEGERS[name] ?? [name, signed ? 'signed' : 'unsigned'];
    return this.builder.int(spelling, size, encoding);
  }

  #enumeration({ name, values, size }: Enum<string, Width>): number {
    return this.builder.enum(name, values, size);
  }

  /** A struct may reach itself through its pointers, so it has its id before its members have theirs. */
  #struct(layout: Struct<Fields, Access>): number {
    const id = this.builder.reserve();
    this.#ids.set(layout, id);
    const members = layout.members.map(({ name, layout: field, bitOffset }) => ({
      name,
      type: this.idOf(field),
      bitOffset,
      bitSize: field.kind === 'bitfield' ? field.width : 0,
    }));
    const { name, size } = layout;
    return this.builder.define(id, {
      kind: layout.union ? 'union' : 'struct',
      name,
      size,
      members,
    });
  }
}
