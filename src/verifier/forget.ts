/**
 * @module
 * What a call makes unusable. The verifier's log says what a call leaves in r0, but not that it destroys r1 to r5, and
 * that pointers into a packet that moved, or to what was given back, are only numbers now.
 */
import type { Values } from './state.ts';
import { parseValue } from './value.ts';

/** The helpers after which pointers into the packet are void (bpf_helper_changes_pkt_data in net/core/filter.c). */
const MOVES_PACKET: ReadonlySet<string> = new Set([
  'bpf_clone_redirect',
  'bpf_l3_csum_replace',
  'bpf_l4_csum_replace',
  'bpf_lwt_push_encap',
  'bpf_lwt_seg6_action',
  'bpf_lwt_seg6_adjust_srh',
  'bpf_lwt_seg6_store_bytes',
  'bpf_msg_pop_data',
  'bpf_msg_pull_data',
  'bpf_msg_push_data',
  'bpf_skb_adjust_room',
  'bpf_skb_change_head',
  'bpf_skb_change_proto',
  'bpf_skb_change_tail',
  'bpf_skb_pull_data',
  'bpf_skb_store_bytes',
  'bpf_skb_vlan_pop',
  'bpf_skb_vlan_push',
  'bpf_store_hdr_opt',
  'bpf_xdp_adjust_head',
  'bpf_xdp_adjust_meta',
  'bpf_xdp_adjust_tail',
]);

/** The helpers and functions that give back what r1 points to. */
const GIVES_BACK =
  /^bpf_(?:ringbuf_(?:submit|discard)(?:_dynptr)?|sk_release|\w+_release(?:_dtor)?|obj_drop(?:_impl)?|kfree_skb)$/;

/** What is still good of `values` after a step; `text` is its instruction. */
export const afterCall = (values: Values, text: string): Values => {
  const called = /^call (?:pc|(\w+)#)/.exec(text);
  if (!called) return values;
  const [, name = ''] = called;
  const isGone = goneAfter(values, name);
  const kept = Object.entries(values).flatMap(([holder, value]) => {
    if (/^r[1-5]$/.test(holder)) return [];
    return [[holder, isGone(value) ? 'scalar()' : value] as const];
  });
  return Object.fromEntries(kept);
};

const goneAfter = (values: Values, name: string): ((value: string) => boolean) => {
  if (MOVES_PACKET.has(name)) return (value) => parseValue(value).type.startsWith('pkt');
  const reference = GIVES_BACK.test(name) ? referenceOf(values, values.r1) : undefined;
  if (reference === undefined) return () => false;
  return (value) => referenceOf({}, value) === reference;
};

/** The number of what must be given back, of a pointer to it or of a dynamic pointer on the stack. */
const referenceOf = (values: Values, value: string | undefined): string | undefined => {
  if (value === undefined) return undefined;
  const slot = /^fp-\d+$/.test(value) ? values[value] : undefined;
  const { fields } = parseValue(slot ?? value);
  return fields.ref_obj_id ?? fields.ref_id;
};
