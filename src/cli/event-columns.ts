/**
 * @module
 * Events as columns and as JSON, from nothing but their layout.
 */
import { decode, type Layout, type Member, toJson } from '../layout/index.ts';
import { type Column, type EventOutput, type OptionTable, timeColumn } from '../programs/tool.ts';

/** An event of a buffer: as its reader decoded it, or its bytes. */
type Event = unknown;
type Fields = Readonly<Record<string, unknown>>;

export interface EventSource {
  /** The map. */
  readonly buffer: string;
  /** What its events are; undefined for bytes. */
  readonly layout: Layout | undefined;
  /** Whether the reader gives bytes, that are decoded here. */
  readonly raw: boolean;
  /** Whether the name of the map is shown, since there are others. */
  readonly named: boolean;
}

/** How the events of a buffer are shown. */
export const eventOutput = ({
  buffer,
  layout,
  raw,
  named,
}: EventSource): EventOutput<OptionTable, Event> => {
  // Each column asks for the same event.
  let last: { readonly event: Event; readonly fields: Fields } = { event: undefined, fields: {} };
  const fieldsOf = (event: Event): Fields => {
    if (last.event !== event) last = { event, fields: read(event) };
    return last.fields;
  };
  const read = (event: Event): Fields => {
    const decoded = raw && layout ? decodeWhole(layout, event as Uint8Array) : event;
    if (!layout || decoded instanceof Uint8Array) return { bytes: hex(decoded as Uint8Array) };
    const json = toJson(layout, decoded as never) as unknown;
    return layout.kind === 'struct' ? (json as Fields) : { value: json };
  };
  const members: readonly Pick<Member, 'name' | 'layout'>[] =
    layout?.kind === 'struct'
      ? layout.members
      : [{ name: layout ? 'value' : 'bytes', layout: layout! }];
  const columns: Column<Fields>[] = members.map(({ name, layout: own }) => ({
    title: name.toUpperCase(),
    width: Math.max(name.length, own ? widthOf(own) : 0),
    ...(isNumber(own) && { align: 'right' as const }),
    text: (fields) => textOf(fields[name] ?? (name === members[0]!.name ? fields.bytes : '')),
  }));
  const lead: Column<Fields>[] = [
    timeColumn<Fields>(),
    ...(named ? [{ title: 'MAP', width: Math.max(3, buffer.length), text: () => buffer }] : []),
  ];
  return {
    kind: 'events',
    buffer,
    columns: () =>
      [...lead, ...columns].map((column) => ({
        ...column,
        text: (event: Event, moment) => column.text(fieldsOf(event), moment),
      })),
    json: (event) => ({ ...(named && { map: buffer }), ...fieldsOf(event) }),
  };
};

/** The value in a record; its bytes where it is too short to be one. */
const decodeWhole = (layout: Layout, bytes: Uint8Array): unknown =>
  bytes.length < layout.size ? bytes : decode(layout, bytes);

const isNumber = (layout: Layout | undefined): boolean =>
  layout?.kind === 'bitfield' || (layout?.kind === 'scalar' && layout.repr !== 'boolean');

/** Room for what is usual: numbers of 32 bits are seldom that long, and texts seldom fill their array. */
const widthOf = (layout: Layout): number => {
  switch (layout.kind) {
    case 'scalar':
      return { 1: 4, 2: 6, 4: 8, 8: 16 }[layout.size];
    case 'chars':
      return Math.min(layout.size, 32);
    case 'pointer':
      return 16;
    default:
      return 8;
  }
};

const textOf = (value: unknown): string =>
  typeof value === 'object' ? JSON.stringify(value) : String(value);

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
