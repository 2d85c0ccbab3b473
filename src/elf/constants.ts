/**
 * The numbers of ELF, from the System V ABI (gabi 4.1, as in Linux's include/uapi/linux/elf.h and glibc's elf.h), and
 * the relocations of BPF from Documentation/bpf/llvm_reloc.rst. Only what BPF objects and ordinary executables need.
 *
 * @example
 * file.sections.filter(({ type, flags }) => type === SHT.PROGBITS && (flags & SHF.EXECINSTR) !== 0);
 *
 * @module
 */

/** The kind of a file (e_type). */
export const ET = { NONE: 0, REL: 1, EXEC: 2, DYN: 3, CORE: 4 } as const;

/** The machine (e_machine). */
export const EM = {
  386: 3,
  ARM: 40,
  S390: 22,
  X86_64: 62,
  AARCH64: 183,
  RISCV: 243,
  BPF: 247,
} as const;

// biome-ignore format: one row per line
/** The kind of a section (sh_type). */
export const SHT = {
  NULL:          0,
  PROGBITS:      1,
  SYMTAB:        2,
  STRTAB:        3,
  RELA:          4,
  HASH:          5,
  DYNAMIC:       6,
  NOTE:          7,
  /** Takes memory and no bytes of the file: .bss. */
  NOBITS:        8,
  REL:           9,
  DYNSYM:        11,
  INIT_ARRAY:    14,
  FINI_ARRAY:    15,
  PREINIT_ARRAY: 16,
  GROUP:         17,
  /** Section indexes of symbols that do not fit in 16 bits. */
  SYMTAB_SHNDX:  18,
  /** clang's .llvm_addrsig. */
  LLVM_ADDRSIG:  0x6fff4c03,
  GNU_HASH:      0x6ffffff6,
  GNU_VERDEF:    0x6ffffffd,
  GNU_VERNEED:   0x6ffffffe,
  GNU_VERSYM:    0x6fffffff,
} as const;

// biome-ignore format: one row per line
/** Flags of a section (sh_flags). */
export const SHF = {
  WRITE:      0x1,
  ALLOC:      0x2,
  EXECINSTR:  0x4,
  MERGE:      0x10,
  STRINGS:    0x20,
  INFO_LINK:  0x40,
  LINK_ORDER: 0x80,
  GROUP:      0x200,
  TLS:        0x400,
  COMPRESSED: 0x800,
  EXCLUDE:    0x80000000,
} as const;

/**
 * What a symbol has in place of a section. The file writes the reserved ones as 0xfff1 and 0xfff2. They are negative
 * here (the same 16 bits, signed), since large files have a section 0xfff1 as well.
 */
export const SHN = { UNDEF: 0, ABS: -15, COMMON: -14 } as const;

/** The kind of a symbol. */
export const STT = {
  NOTYPE: 0,
  OBJECT: 1,
  FUNC: 2,
  SECTION: 3,
  FILE: 4,
  COMMON: 5,
  TLS: 6,
  GNU_IFUNC: 10,
} as const;

/** How far a symbol is seen, from one file to the next. */
export const STB = { LOCAL: 0, GLOBAL: 1, WEAK: 2, GNU_UNIQUE: 10 } as const;

/** How far a symbol is seen after linking. libbpf takes a hidden function for a static one. */
export const STV = { DEFAULT: 0, INTERNAL: 1, HIDDEN: 2, PROTECTED: 3 } as const;

// biome-ignore format: one row per line
/** The kind of a segment (p_type). */
export const PT = {
  NULL:         0,
  LOAD:         1,
  DYNAMIC:      2,
  INTERP:       3,
  NOTE:         4,
  SHLIB:        5,
  PHDR:         6,
  TLS:          7,
  GNU_EH_FRAME: 0x6474e550,
  GNU_STACK:    0x6474e551,
  GNU_RELRO:    0x6474e552,
  GNU_PROPERTY: 0x6474e553,
} as const;

/** Flags of a segment (p_flags). */
export const PF = { X: 1, W: 2, R: 4 } as const;

/** The kinds of notes, each within the name that the note bears. */
export const NT = {
  /** Of 'GNU'. */
  GNU_ABI_TAG: 1,
  GNU_BUILD_ID: 3,
  GNU_PROPERTY_TYPE_0: 5,
  /** Of 'stapsdt': a USDT probe. */
  STAPSDT: 3,
} as const;

// biome-ignore format: one row per line
/**
 * The relocations of BPF. S is the symbol's value, A the addend, which stands in the bytes that are changed (REL).
 * They matter to a linker; a loader takes S and A and decides by what the symbol is.
 */
export const R_BPF = {
  NONE:           0,
  /** The 32 bits of imm of a 16-byte load, at r_offset + 4: S + A. */
  '64_64':        1,
  /** 64 bits of data: S + A. */
  '64_ABS64':     2,
  /** 32 bits of data: S + A. */
  '64_ABS32':     3,
  /** 32 bits of .BTF and .BTF.ext, of which a loader takes no notice: S + A. */
  '64_NODYLD32':  4,
  /** The 32 bits of imm of a call, at r_offset + 4, in instructions: (S + A) / 8 - 1. */
  '64_32':        10,
} as const;
