/** What the tests of written objects share: the file taken apart again, section by section. */
import { decode, type Instruction, print } from '../../src/asm/index.ts';
import { Btf, CORE_KINDS, decodeBtfExt, printRaw } from '../../src/btf/index.ts';
import { ElfFile } from '../../src/elf/index.ts';
import { type WriteObjectOptions, writeObject } from '../../src/elf/write-object.ts';
import { type AnyMapSpec, type ObjectSpec, object, type ProgramEntry } from '../../src/index.ts';

export class Written {
  readonly file: ElfFile;
  readonly btf: Btf;

  constructor(spec: ObjectSpec, options?: WriteObjectOptions) {
    this.file = new ElfFile(writeObject(spec, options));
    this.btf = new Btf(this.file.section('.BTF')!.data);
  }

  /** Names of the sections, without those that every file has. */
  get sections(): string[] {
    const common = /^$|^\.(BTF|rel|symtab|strtab|shstrtab)|^license$/;
    return this.file.sections.map(({ name }) => name).filter((name) => !common.test(name));
  }

  code(section: string): Instruction[] {
    return decode(this.file.section(section)!.data);
  }

  /** The kernel's text of each instruction. */
  text(section: string): string[] {
    return this.code(section).map((instruction) => print(instruction));
  }

  /** `OFFSET TYPE SYMBOL`; a section's own symbol has the section's name. */
  relocations(section: string): string[] {
    return this.file.relocations(this.file.section(section)!).map(({ offset, type, symbol }) => {
      const name = symbol.name || this.file.sections[symbol.section]!.name;
      return `${offset} ${type} ${name}`;
    });
  }

  /** `OFFSET KIND TYPE ACCESS` of CO-RE, offsets in slots. */
  core(section: string): string[] {
    const { coreRelos } = decodeBtfExt(this.file.section('.BTF.ext')!.data);
    const list = coreRelos.find((each) => this.btf.string(each.section) === section);
    return (list?.records ?? []).map(({ insnOffset, kind, typeId, accessOffset }) => {
      const { kind: typeKind, name } = this.btf.type(typeId);
      return `${insnOffset / 8} ${CORE_KINDS[kind]} ${typeKind} ${name} ${this.btf.string(accessOffset)}`;
    });
  }

  /** The lines of a type as bpftool prints them. */
  raw(name: string): string {
    return printRaw(this.btf, [...this.btf.all()].find((type) => type.name === name)!.id);
  }
}

/** An object of one program. */
export const only = (
  program: ProgramEntry,
  maps: Readonly<Record<string, AnyMapSpec>> = {},
): ObjectSpec => object({ license: 'GPL', maps, programs: { program } }) as ObjectSpec;
