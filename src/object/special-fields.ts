/**
 * @module
 * What the kernel finds in a map's value by its types: locks, timers, lists, pointers of the kernel's. Without type
 * information such a map can be created, but no program can use what is in it. Follows btf_find_field and btf_parse_fields
 * in kernel/bpf/btf.c (Linux 6.18).
 */
import type { Btf } from '../btf/index.ts';
import type { AnyMapSpec } from './map-spec.ts';
import type { MapType } from './map-types.ts';
import type { TypeInfo } from './type-info.ts';

const LOCAL_STORAGE: ReadonlySet<MapType> = /* @__PURE__ */ new Set([
  'sk_storage',
  'inode_storage',
  'task_storage',
  'cgrp_storage',
]);

/** Why a map is nothing without its types, to follow its name: `holds a bpf_spin_lock`. undefined where they only help people. */
export const needsTypes = ({ type, typeIds }: AnyMapSpec, types: TypeInfo): string | undefined => {
  if (LOCAL_STORAGE.has(type) || type === 'struct_ops') return `is of type ${type}`;
  const special = typeIds && specialField(types.local, typeIds.value);
  return special === undefined ? undefined : `holds a ${special}`;
};

/** The structs that the kernel knows by their names. */
const STRUCTS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'bpf_spin_lock',
  'bpf_res_spin_lock',
  'bpf_timer',
  'bpf_wq',
  'bpf_task_work',
  'bpf_list_head',
  'bpf_list_node',
  'bpf_rb_root',
  'bpf_rb_node',
  'bpf_refcount',
]);

/** The tags of pointers that the kernel looks after. */
const TAGS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'kptr',
  'kptr_untrusted',
  'percpu_kptr',
  'uptr',
]);

/** One of them in a type. Each type is looked at once: there may be cycles. */
const specialField = (btf: Btf, root: number): string | undefined => {
  const seen = new Set([0]);
  const open = [root];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const type = btf.type(id);
    switch (type.kind) {
      case 'struct':
      case 'union':
        if (STRUCTS.has(type.name)) return type.name;
        for (const member of type.members) open.push(member.type);
        break;
      case 'datasec':
        for (const variable of type.variables) open.push(variable.type);
        break;
      case 'ptr': {
        const tag = btf.type(type.type);
        if (tag.kind === 'type_tag' && TAGS.has(tag.name)) return `${tag.name} pointer`;
        break;
      }
      case 'array':
      case 'typedef':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'var':
        open.push(type.type);
    }
  }
  return undefined;
};
