/**
 * All functions of a kernel or module at once, for lists of them: their names are cut from one string, and their
 * prototypes are looked at as words, so that the 56,000 of vmlinux take a tenth of what decoding each would.
 *
 * @example
 * functionsOf(btf).filter(({ shape }) => shape).map(({ name }) => `fentry/${name}`);
 *
 * @module
 */
import type { Btf } from './btf.ts';
import { BTF_KIND, infoKind, infoVlen, MAX_RESOLVE_DEPTH } from './constants.ts';
import { RECORD_WORDS } from './records.ts';
import type { StringTable } from './strings.ts';
import type { BtfKind } from './types.ts';

/** What the arguments of a function take. */
export interface ArgumentShape {
  /** Registers, or words of 8 bytes on the stack: a struct may take two. */
  readonly words: number;
  /** Whether one of them is a struct itself, no pointer to one. */
  readonly structs: boolean;
  readonly unions: boolean;
}

export interface BtfFunction {
  readonly id: number;
  readonly name: string;
  /**
   * undefined where BPF trampolines take no function of this prototype (btf_distill_func_proto of kernel/bpf/btf.c):
   * they take at most 12 arguments of at most 16 bytes, the last of them no `...`, and no struct returned.
   */
  readonly shape: ArgumentShape | undefined;
}

/** The functions of BTF in its order, those of the base left out. */
export const functionsOf = (btf: Btf): readonly BtfFunction[] => {
  const { firstId } = btf;
  const { words, starts } = recordsOf(btf);
  const nameAt = namer(btf);
  const { shapeOf } = rulesOf(btf);
  return btf.idsOf('func').map((id) => {
    const at = starts[id - firstId]!;
    return { id, name: nameAt(words[at]!), shape: shapeOf(words[at + 2]!) };
  });
};

/** The types of one kind with their names in the order of the BTF, those of the base left out. */
export const namesOf = (
  btf: Btf,
  kind: BtfKind,
): readonly { readonly id: number; readonly name: string }[] => {
  const { firstId } = btf;
  const { words, starts } = recordsOf(btf);
  const nameAt = namer(btf);
  return btf.idsOf(kind).map((id) => ({ id, name: nameAt(words[starts[id - firstId]!]!) }));
};

const recordsOf = ({ sections: { records } }: Btf) => ({
  words: records.words,
  starts: records.starts(),
});

/** Gives names by their offsets: each table of strings is made one string, of which names are slices. */
const namer = ({ sections: { strings } }: Btf): ((offset: number) => string) => {
  const texts = new Map<StringTable, string>();
  return (offset) => {
    const table = strings.tableOf(offset);
    let text = texts.get(table);
    if (text === undefined) {
      text = decoder.decode(table.bytes);
      texts.set(table, text);
    }
    const start = offset - table.first;
    return text.slice(start, text.indexOf('\0', start));
  };
};

/** One character for each byte, so that offsets stay what they are. */
const decoder = /* @__PURE__ */ new TextDecoder('latin1');

/** MAX_BPF_FUNC_ARGS and twice a register (kernel/bpf/btf.c). */
const MOST_ARGUMENTS = 12;
const MOST_BYTES = 16;

interface Composite {
  readonly kind: 'struct' | 'union';
  readonly size: number;
}

/** What is asked of the types of one BTF, by their ids. */
interface Rules {
  /** Of functions of this prototype. */
  shapeOf(proto: number): ArgumentShape | undefined;
  /** The struct or union behind typedefs and qualifiers; all other types fit into registers. */
  compositeOf(type: number): Composite | undefined;
}

/** Closures over the words, not a class: 10 ms in place of 50 for vmlinux, in a cold process. */
const rulesOf = (btf: Btf): Rules => {
  const { firstId, base } = btf;
  const { words, starts } = recordsOf(btf);
  const below = base && rulesOf(base);

  const compositeOf = (type: number): Composite | undefined => {
    let id = type;
    for (let depth = 0; depth < MAX_RESOLVE_DEPTH; depth++) {
      if (id < firstId) return below?.compositeOf(id);
      const at = starts[id - firstId];
      if (at === undefined) return undefined;
      switch (infoKind(words[at + 1]!)) {
        case BTF_KIND.STRUCT:
          return { kind: 'struct', size: words[at + 2]! };
        case BTF_KIND.UNION:
          return { kind: 'union', size: words[at + 2]! };
        case BTF_KIND.TYPEDEF:
        case BTF_KIND.CONST:
        case BTF_KIND.VOLATILE:
        case BTF_KIND.RESTRICT:
        case BTF_KIND.TYPE_TAG:
          id = words[at + 2]!;
          break;
        default:
          return undefined;
      }
    }
    return undefined;
  };

  const read = (at: number): ArgumentShape | undefined => {
    const info = words[at + 1]!;
    const count = infoVlen(info);
    if (infoKind(info) !== BTF_KIND.FUNC_PROTO || count > MOST_ARGUMENTS) return undefined;
    if (compositeOf(words[at + 2]!)) return undefined;
    let taken = count;
    let structs = false;
    let unions = false;
    for (let index = 0; index < count; index++) {
      const type = words[at + RECORD_WORDS + 1 + index * 2]!;
      if (type === 0) return undefined;
      const composite = compositeOf(type);
      if (!composite) continue;
      if (composite.size > MOST_BYTES) return undefined;
      if (composite.size > 8) taken++;
      if (composite.kind === 'struct') structs = true;
      else unions = true;
    }
    return { words: taken, structs, unions };
  };

  const known = new Map<number, ArgumentShape | undefined>();
  const shapeOf = (proto: number): ArgumentShape | undefined => {
    if (proto < firstId) return below?.shapeOf(proto);
    if (!known.has(proto)) {
      const at = starts[proto - firstId];
      known.set(proto, at === undefined ? undefined : read(at));
    }
    return known.get(proto);
  };
  return { shapeOf, compositeOf };
};
