/** Types in a few words, and a relocation between two of them. */
import {
  type Btf,
  BtfBuilder,
  type CoreKind,
  CoreResolver,
  type CoreResult,
} from '../../src/btf/index.ts';

export type Build = (b: BtfBuilder) => number;

/** Resolves one relocation of the type that `local` builds against what `target` builds. */
export const relocate = (
  kind: CoreKind,
  access: string,
  local: Build,
  target: Build,
  modules: (kernel: Btf) => Btf[] = () => [],
): CoreResult => {
  const program = new BtfBuilder();
  const typeId = local(program);
  const kernel = new BtfBuilder();
  target(kernel);
  const btf = kernel.build({ label: 'vmlinux' });
  return new CoreResolver(program.build(), btf, () => modules(btf)).resolve({
    kind,
    typeId,
    access,
  });
};

export const int = (b: BtfBuilder): number => b.int('int', 4, 'signed');
export const u32 = (b: BtfBuilder): number => b.int('unsigned int', 4);
export const u64 = (b: BtfBuilder): number => b.int('unsigned long', 8);

/** A struct with members of these types, one after another, 8 bytes each. */
export const struct =
  (name: string, members: Readonly<Record<string, Build>>): Build =>
  (b) => {
    const list = Object.entries(members).map(([member, type], i) => ({
      name: member.startsWith('_') ? '' : member,
      type: type(b),
      bitOffset: i * 64,
    }));
    return b.struct(name, list.length * 8, list);
  };
export const array =
  (of: Build, nelems: number): Build =>
  (b) =>
    b.array(of(b), nelems);
export const ptr =
  (to: Build = () => 0): Build =>
  (b) =>
    b.ptr(to(b));
export const enumeration =
  (name: string, values: Readonly<Record<string, number>>): Build =>
  (b) =>
    b.enum(name, values);
