/**
 * The 13 kinds of CO-RE relocation: enum bpf_core_relo_kind of include/uapi/linux/bpf.h.
 *
 * @example
 * CORE_KINDS.indexOf('type_matches');   // 12, its number in .BTF.ext
 *
 * @module
 */

/** The kinds by number, in the kernel's words: field_byte_offset is BPF_CORE_FIELD_BYTE_OFFSET. */
export const CORE_KINDS = [
  'field_byte_offset',
  'field_byte_size',
  'field_exists',
  'field_signed',
  'field_lshift_u64',
  'field_rshift_u64',
  'type_id_local',
  'type_id_target',
  'type_exists',
  'type_size',
  'enumval_exists',
  'enumval_value',
  'type_matches',
] as const;

export type CoreKind = (typeof CORE_KINDS)[number];

/** What libbpf calls them in its log, between < and >. */
// biome-ignore format: one row per line
export const CORE_KIND_LABELS: Readonly<Record<CoreKind, string>> = {
  field_byte_offset: 'byte_off',
  field_byte_size:   'byte_sz',
  field_exists:      'field_exists',
  field_signed:      'signed',
  field_lshift_u64:  'lshift_u64',
  field_rshift_u64:  'rshift_u64',
  type_id_local:     'local_type_id',
  type_id_target:    'target_type_id',
  type_exists:       'type_exists',
  type_size:         'type_size',
  enumval_exists:    'enumval_exists',
  enumval_value:     'enumval_value',
  type_matches:      'type_matches',
};

export type CoreFieldKind = Extract<CoreKind, `field_${string}`>;
export type CoreEnumKind = Extract<CoreKind, `enumval_${string}`>;
export type CoreTypeKind = Exclude<CoreKind, CoreFieldKind | CoreEnumKind>;

export const isFieldKind = (kind: CoreKind): kind is CoreFieldKind => kind.startsWith('field_');
export const isEnumKind = (kind: CoreKind): kind is CoreEnumKind => kind.startsWith('enumval_');
export const isTypeKind = (kind: CoreKind): kind is CoreTypeKind => kind.startsWith('type_');
