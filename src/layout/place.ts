/**
 * @module
 * Places at run time: objects whose properties are the fields of a struct, made when they are read.
 *
 * A place is bare (no prototype, one symbol), so that every C field name is free: `kind`, `size`, `then`.
 * @example
 * Event.at(r7).pid          // plain: 8 bytes from r7
 * Task.at(r8).exit_code     // core: where this kernel has it
 * Task.at(r8).real_parent.tgid // chain: one probe read for each pointer
 */
import {
  type Access,
  type ArrayOf,
  type Base,
  type Fields,
  type Layout,
  type Location,
  MEM,
  type Mem,
  type PlaceOf,
  type Step,
  type Struct,
} from './types.ts';

type AnyStruct = Struct<Fields, Access>;
type Bare = Mem<Layout, Access> & Record<string, unknown>;

/** The place of `layout`, `offset` bytes from `base`. */
export const placeAt = (layout: Layout, base: Base, offset = 0): Bare => {
  const root = layout.kind === 'struct' ? layout : undefined;
  if (offset !== 0 && root !== undefined && root.origin !== 'local') {
    throw new RangeError(
      `${root.name}: its fields are looked up when the program is loaded, so it starts at offset 0, not ${offset}`,
    );
  }
  if (!Number.isInteger(offset))
    throw new RangeError(`an offset is a whole number of bytes, got ${offset}`);
  return build(layout, base, [{ root, path: [], offset }]);
};

/** What is known of a place. */
export const locationOf = (place: Mem<unknown, Access>): Location => place[MEM];

/** Whether `value` is a place. */
export const isPlace = (value: unknown): value is Mem<unknown, Access> =>
  typeof value === 'object' && value !== null && MEM in value;

/** A place as its user wrote it, for messages: `task_struct.real_parent->tgid`. */
export const describePlace = (place: Mem<unknown, Access>): string => {
  const { steps, layout } = place[MEM];
  const text = steps.map(({ root, path }, hop) =>
    [...(hop === 0 && root ? [root.name] : []), ...path].join('.'),
  );
  return text.join('->') || ('name' in layout ? layout.name : layout.kind);
};

/** The place of `layout` at the end of one step from `base`, without the steps before it. */
export const placeOfStep = (layout: Layout, base: Base, step: Step): Mem<Layout, Access> =>
  build(layout, base, [step]);

/**
 * The same bytes under another layout, as a C cast of a pointer: plain memory only.
 * @example
 * store(cast(event.status, u32), w9);   // all bitfields of a struct at once
 */
export const cast = <L extends Layout>(place: Mem<unknown, 'plain'>, layout: L): PlaceOf<L> => {
  const { base, steps, access, layout: from } = place[MEM];
  if (access !== 'plain')
    throw new TypeError(`cast: ${describePlace(place)} is not in plain memory`);
  if (layout.size > from.size) {
    throw new RangeError(
      `cast: ${describePlace(place)} has ${from.size} bytes, fewer than the ${layout.size} of the other layout`,
    );
  }
  const { offset } = steps[0]!;
  return build(layout, base, [{ root: undefined, path: [], offset }]) as unknown as PlaceOf<L>;
};

/** The same place from another base. */
export const rebase = (place: Mem<unknown, Access>, base: Base): Mem<Layout, Access> => {
  const { layout, steps } = place[MEM];
  return build(layout, base, steps);
};

const accessOf = (steps: readonly Step[]): Access => {
  if (steps.length > 1) return 'chain';
  const root = steps[0]?.root;
  return root === undefined || root.origin === 'local' ? 'plain' : 'core';
};

function build(layout: Layout, base: Base, steps: readonly Step[]): Bare {
  const place = Object.create(prototypeOf(layout)) as Bare;
  const location: Location = { layout, base, steps, access: accessOf(steps) };
  Object.defineProperty(place, MEM, { value: location });
  return place;
}

/** One prototype for each layout: getters for its fields, nothing else. */
const prototypes = new WeakMap<Layout, object>();
function prototypeOf(layout: Layout): object {
  const known = prototypes.get(layout);
  if (known) return known;
  const prototype = Object.create(null) as object;
  prototypes.set(layout, prototype);
  if (layout.kind === 'struct') addFields(prototype, layout);
  else if (layout.kind === 'array') addElements(prototype, layout);
  else if (layout.kind === 'pointer') addTarget(prototype, layout.to as Layout | undefined);
  return prototype;
}

const getter = (prototype: object, name: string, read: (self: Location) => Bare) =>
  Object.defineProperty(prototype, name, {
    enumerable: true,
    get(this: Bare) {
      return read(this[MEM]);
    },
  });

function addFields(prototype: object, struct: AnyStruct): void {
  for (const name of Object.keys(struct.fields)) {
    getter(prototype, name, ({ base, steps }) => {
      const member = memberOf(struct, name);
      return build(member.layout, base, extend(steps, name, member.offset));
    });
  }
}

function addElements(prototype: object, array: ArrayOf<Layout>): void {
  const element = ({ base, steps }: Location, index: number): Bare => {
    if (!Number.isInteger(index) || index < 0 || index >= array.length) {
      throw new RangeError(`element ${index} is outside the array of ${array.length}`);
    }
    return build(array.element, base, extend(steps, index, index * array.element.size));
  };
  Object.defineProperty(prototype, 'at', {
    value(this: Bare, index: number) {
      return element(this[MEM], index);
    },
  });
  for (let index = 0; index < Math.min(array.length, 64); index++) {
    getter(prototype, String(index), (self) => element(self, index));
  }
}

function addTarget(prototype: object, target: Layout | undefined): void {
  if (target?.kind !== 'struct') return;
  for (const name of Object.keys(target.fields)) {
    getter(prototype, name, ({ base, steps }) => {
      const member = memberOf(target, name);
      return build(member.layout, base, [
        ...steps,
        { root: target, path: [name], offset: member.offset },
      ]);
    });
  }
}

const extend = (steps: readonly Step[], name: string | number, offset: number): Step[] => {
  const last = steps[steps.length - 1]!;
  return [
    ...steps.slice(0, -1),
    { root: last.root, path: [...last.path, name], offset: last.offset + offset },
  ];
};

function memberOf(struct: AnyStruct, name: string) {
  const member = struct.members.find((candidate) => candidate.name === name);
  if (!member) throw new RangeError(`struct ${struct.name} has no field ${name}`);
  return member;
}
