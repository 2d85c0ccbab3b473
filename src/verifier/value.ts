/**
 * @module
 * Values in the verifier's words, put into ours: `map_value_or_null(id=1,map=starts,ks=4,vs=8)` is the value of the map
 * starts, or 0.
 */

/** What a register may hold, taken apart. */
export interface Value {
  /** `map_value`, `scalar`, `ptr_task_struct`; `scalar` for a number that is known, too. */
  readonly type: string;
  /** Whether it may be 0 in place of a pointer. */
  readonly orNull: boolean;
  /** A number that the verifier knows. */
  readonly number: bigint | undefined;
  /** What stands in the parentheses: `{ map: 'starts', ks: '4' }`. */
  readonly fields: Readonly<Record<string, string>>;
}

export const parseValue = (text: string): Value => {
  const known = /^P?(?:inv)?(-?(?:0x[0-9a-f]+|\d+))$/.exec(text)?.[1];
  const [, name = text, inside = ''] = /^P?([a-z]\w*)(?:\((.*)\))?/.exec(text) ?? [];
  const isFrame = /^P?fp(?:\[\d+\])?[-+]?\d*/.test(text);
  return {
    type:
      known !== undefined || name === 'inv'
        ? 'scalar'
        : isFrame
          ? 'fp'
          : name.replace('_or_null', ''),
    orNull: name.endsWith('_or_null') || name.includes('_or_null_'),
    number: known === undefined ? undefined : numberOf(known),
    fields: fieldsOf(inside),
  };
};

const numberOf = (text: string): bigint =>
  text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);

/** `smin=umin=4,var_off=(0x0; 0xff)`: equal bounds are chained. */
const fieldsOf = (inside: string): Record<string, string> => {
  const fields: Record<string, string> = {};
  for (const part of inside.split(/,(?![^(]*\))/)) {
    const names = part.split('=');
    const value = names.pop()!;
    for (const name of names) fields[name] = value;
  }
  return fields;
};

const TYPES: Readonly<Record<string, string>> = {
  ctx: 'the context',
  fp: 'a pointer to the stack',
  pkt: 'a pointer into the packet',
  pkt_meta: 'a pointer to the metadata of the packet',
  pkt_end: 'the end of the packet',
  map_ptr: 'a map',
  map_value: 'the value of a map',
  map_key: 'the key of a map',
  mem: 'memory of a known size',
  ringbuf_mem: 'a record of a ring buffer',
  sock: 'a socket',
  sock_common: 'a socket',
  tcp_sock: 'a TCP socket',
  xdp_sock: 'an XDP socket',
  func: 'a function of the program',
  buf: 'a buffer of the hook',
  dynptr: 'a dynamic pointer',
};

/** A value in words, after "is". */
export const describeValue = (text: string): string => {
  const value = parseValue(text);
  const { type, orNull, number } = value;
  if (number !== undefined) return `the number ${number}`;
  if (type === 'scalar') return describeScalar(value);
  return `${describeType(type, value.fields)}${orNull ? ', or 0' : ''}`;
};

/** A type of the verifier's in words: `map_value`, `trusted_ptr_task_struct`. */
export const describeType = (type: string, fields: Value['fields'] = {}): string => {
  const base = type.replace('_or_null', '');
  if (base === 'scalar') return 'a number';
  const map = fields.map;
  if (map !== undefined && base === 'map_value') return `the value of the map ${map}`;
  if (map !== undefined && base === 'map_ptr') return `the map ${map}`;
  const known = TYPES[base];
  if (known !== undefined) return known;
  const object = /^(?:trusted_|rcu_|untrusted_|percpu_)*ptr_(\w*)$/.exec(base);
  if (object)
    return object[1] ? `a pointer to a ${object[1]}` : 'a pointer to an object of the kernel';
  return base;
};

const describeScalar = ({ fields }: Value): string => {
  const least = fields.umin ?? fields.umin_value ?? '0';
  const most = fields.umax ?? fields.umax_value;
  if (most !== undefined) return `a number from ${least} to ${most}`;
  const { smin, smax } = fields;
  if (smin !== undefined || smax !== undefined)
    return `a number${smin === undefined ? '' : ` from ${smin}`}${smax === undefined ? ' without a limit' : ` to ${smax}`}, signed`;
  return least === '0' ? 'a number without known limits' : `a number from ${least} without a limit`;
};
