/**
 * The numbers of BTF, from include/uapi/linux/btf.h (7.1). The masks of `info` are those of 7.1 (kind 7 bits, vlen
 * 24 bits): older kernels define 5 and 16 bits of them and require the others to be zero, so one reading fits both.
 *
 * @module
 */

/** The first two bytes, as a number in the file's own byte order. */
export const BTF_MAGIC = 0xeb9f;
export const BTF_VERSION = 1;

// biome-ignore format: kernel order, one row per line
export const BTF_KIND = {
  UNKN:       0,
  INT:        1,
  PTR:        2,
  ARRAY:      3,
  STRUCT:     4,
  UNION:      5,
  ENUM:       6,
  FWD:        7,
  TYPEDEF:    8,
  VOLATILE:   9,
  CONST:      10,
  RESTRICT:   11,
  FUNC:       12,
  FUNC_PROTO: 13,
  VAR:        14,
  DATASEC:    15,
  FLOAT:      16,
  DECL_TAG:   17,
  TYPE_TAG:   18,
  ENUM64:     19,
} as const;

/** The tags of `BtfType.kind`, by number: lower case, and `void` for id 0. */
export const KIND_TAGS = [
  'void',
  'int',
  'ptr',
  'array',
  'struct',
  'union',
  'enum',
  'fwd',
  'typedef',
  'volatile',
  'const',
  'restrict',
  'func',
  'func_proto',
  'var',
  'datasec',
  'float',
  'decl_tag',
  'type_tag',
  'enum64',
] as const;

/** Bytes that follow the 12 bytes of struct btf_type: once, and for each of vlen elements. */
// biome-ignore format: kernel order, one row per line
export const KIND_LAYOUT: readonly (readonly [once: number, each: number])[] = [
  [0,  0],  // UNKN
  [4,  0],  // INT        u32: encoding, offset, bits
  [0,  0],  // PTR
  [12, 0],  // ARRAY      struct btf_array
  [0,  12], // STRUCT     struct btf_member
  [0,  12], // UNION
  [0,  8],  // ENUM       struct btf_enum
  [0,  0],  // FWD
  [0,  0],  // TYPEDEF
  [0,  0],  // VOLATILE
  [0,  0],  // CONST
  [0,  0],  // RESTRICT
  [0,  0],  // FUNC       vlen is the linkage
  [0,  8],  // FUNC_PROTO struct btf_param
  [4,  0],  // VAR        struct btf_var
  [0,  12], // DATASEC    struct btf_var_secinfo
  [0,  0],  // FLOAT
  [4,  0],  // DECL_TAG   struct btf_decl_tag
  [0,  0],  // TYPE_TAG
  [0,  12], // ENUM64     struct btf_enum64
];

/** Flags of an INT's encoding. */
export const BTF_INT = { SIGNED: 1, CHAR: 2, BOOL: 4 } as const;

/** The names of C's `long`, in libbpf's order: its size is that of a pointer (determine_ptr_size). */
export const LONGS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'long',
  'long int',
  'int long',
  'unsigned long',
  'long unsigned',
  'unsigned long int',
  'unsigned int long',
  'long unsigned int',
  'long int unsigned',
  'int unsigned long',
  'int long unsigned',
]);

/** Linkage of functions (BTF_FUNC_*) and of variables (BTF_VAR_*), by number: they share names and numbers. */
export const LINKAGES = ['static', 'global', 'extern'] as const;

/** libbpf's MAX_RESOLVE_DEPTH: a longer chain of modifiers, typedefs and arrays is a cycle. */
export const MAX_RESOLVE_DEPTH = 32;

export const infoKind = (info: number): number => (info >>> 24) & 0x7f;
export const infoVlen = (info: number): number => info & 0xff_ffff;
export const infoKindFlag = (info: number): boolean => info >>> 31 === 1;
