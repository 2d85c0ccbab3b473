/**
 * An order of declarations that compiles: what a struct holds comes before it in full, what it points to is at least
 * declared. Without the forward declarations `struct sock *` in a prototype would be another struct each time.
 *
 * @module
 */
import { isBuiltin, isCompilerTypedef } from './c-builtin.ts';
import type { CContext } from './c-declaration.ts';
import { BtfError } from './error.ts';
import type { BtfComposite, BtfReference, BtfType } from './types.ts';

/** What is printed next. */
export interface CStep {
  readonly kind: 'forward' | 'definition';
  readonly type: BtfType;
}

/** How deep types depend on each other: each level takes room on the stack. */
const MAX_DEPTH = 500;
/** Many times what vmlinux takes: hostile BTF repeats unnamed types without end. */
const MAX_VISITS = 20_000_000;

/** Walks types, and calls `print` with what is to be printed, once for each. */
export class COrder {
  readonly #context: CContext;
  readonly #print: (step: CStep) => void;
  /** By the id of the type that has the name. */
  readonly #declared = new Set<number>();
  readonly #defining = new Set<number>();
  readonly #defined = new Set<number>();
  #depth = 0;
  #visits = 0;

  constructor(context: CContext, print: (step: CStep) => void) {
    this.#context = context;
    this.#print = print;
  }

  /** Makes a type's name known, as pointers and prototypes need it. `within` is the struct that is being printed. */
  declare(id: number, within?: number): void {
    this.#enter(id);
    const type = this.#context.btf.type(id);
    switch (type.kind) {
      case 'ptr':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        this.declare(type.type, within);
        break;
      case 'func_proto':
        this.declare(type.returnType, within);
        for (const param of type.params) this.declare(param.type, within);
        break;
      case 'typedef':
        this.#typedef(type);
        break;
      case 'fwd':
        this.#forward(type, within);
        break;
      case 'struct':
      case 'union':
        if (type.name === '') this.#members(type, within);
        else this.#forward(type, within);
        break;
      // C wants the elements of an array complete, also behind a pointer.
      case 'array':
      case 'enum':
      case 'enum64':
      case 'int':
      case 'float':
        this.define(id, within);
    }
    this.#depth--;
  }

  /** Makes a type complete, as members and array elements need it. */
  define(id: number, within?: number): void {
    this.#enter(id);
    const { btf, names } = this.#context;
    const type = btf.type(id);
    switch (type.kind) {
      case 'array':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        this.define(type.type, within);
        break;
      case 'typedef':
        this.#typedef(type);
        if (this.#defined.has(id) || isCompilerTypedef(type)) break;
        this.define(type.type);
        this.#defined.add(id);
        break;
      case 'fwd':
        this.#composite(names.owner(type));
        break;
      case 'struct':
      case 'union':
        if (type.name === '') this.#members(type, within);
        else this.#composite(type);
        break;
      case 'enum':
      case 'enum64':
        if (type.name !== '') this.#once(names.owner(type));
        break;
      case 'int':
      case 'float':
        if (!isBuiltin(btf, type)) this.#once(type);
        break;
      case 'ptr':
      case 'func_proto':
        this.declare(id, within);
    }
    this.#depth--;
  }

  #forward(type: BtfType, within: number | undefined): void {
    const owner = this.#context.names.owner(type);
    // Inside its own braces a struct is declared already.
    if (owner.id === within || this.#declared.has(owner.id)) return;
    this.#declared.add(owner.id);
    this.#print({ kind: 'forward', type: owner });
  }

  #typedef(type: BtfReference): void {
    if (this.#declared.has(type.id) || isCompilerTypedef(type)) return;
    this.#start(type);
    this.declare(type.type);
    this.#declared.add(type.id);
    this.#end(type);
  }

  #composite(owner: BtfType): void {
    if (this.#defined.has(owner.id)) return;
    if (owner.kind !== 'struct' && owner.kind !== 'union') {
      throw new BtfError(`${owner.name} is held by value, and the BTF does not say what is in it`);
    }
    this.#start(owner);
    this.#members(owner, owner.id);
    this.#declared.add(owner.id);
    this.#defined.add(owner.id);
    this.#end(owner);
  }

  #members({ members }: BtfComposite, within: number | undefined): void {
    for (const { name, type } of members) {
      // The same as in what is printed: such a struct is written where it is used, if it has a tag or not.
      const inline = name === '' ? this.#context.btf.resolve(type) : undefined;
      if (inline?.kind !== 'struct' && inline?.kind !== 'union') this.define(type, within);
      else this.#inline(inline, within);
    }
  }

  #inline(composite: BtfComposite, within: number | undefined): void {
    this.#enter(composite.id);
    this.#members(composite, within);
    this.#depth--;
  }

  #once(type: BtfType): void {
    if (this.#defined.has(type.id)) return;
    this.#defined.add(type.id);
    this.#print({ kind: 'definition', type });
  }

  #start(type: BtfType): void {
    if (this.#defining.has(type.id)) {
      throw new BtfError(`${type.kind} ${type.name} needs itself before it is defined`);
    }
    this.#defining.add(type.id);
  }

  #end(type: BtfType): void {
    this.#defining.delete(type.id);
    this.#print({ kind: 'definition', type });
  }

  #enter(id: number): void {
    if (++this.#depth > MAX_DEPTH) {
      throw new BtfError(`type ${id} depends on others more than ${MAX_DEPTH} deep, in a circle?`);
    }
    if (++this.#visits > MAX_VISITS) {
      throw new BtfError('these types are too entangled to be put in order');
    }
  }
}
