/**
 * @module
 * Questions about a layout that several codecs ask.
 */
import type { Enum, Layout, Member, Width } from './types.ts';

/** What messages call a layout: its name, or what it is. */
export const nameOf = (layout: Layout): string => {
  switch (layout.kind) {
    case 'scalar':
    case 'enum':
    case 'struct':
      return layout.name;
    case 'bitfield':
      return `${layout.type.name}:${layout.width}`;
    case 'chars':
    case 'bytes':
      return `${layout.kind}(${layout.size})`;
    case 'text':
      return `text(${layout.max})`;
    case 'array':
      return `${nameOf(layout.element)}[${layout.length}]`;
    case 'pointer':
      return 'pointer';
  }
};

/** The member at the end of a struct, if it is a `text`. */
export const trailingText = (layout: Layout): Member | undefined => {
  const last = layout.kind === 'struct' ? layout.members.at(-1) : undefined;
  return last?.layout.kind === 'text' ? last : undefined;
};

/** Bits between the start of a member's storage unit and its first bit; 0 but for bitfields. */
export const shiftOf = ({ offset, bitOffset }: Member): number => bitOffset - offset * 8;

/** From a number to the enumerator that has it. Of several, the first. */
export const enumerators = (layout: Enum<string, Width>): ((value: number) => string | number) => {
  const names = new Map<number, string>();
  for (const [name, value] of Object.entries(layout.values)) {
    if (!names.has(value)) names.set(value, name);
  }
  return (value) => names.get(value) ?? value;
};

/** Sets an own property, also one that is called `__proto__`. */
export const setOwn = (target: object, name: string, value: unknown): void => {
  if (name === '__proto__') {
    Object.defineProperty(target, name, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  } else {
    (target as Record<string, unknown>)[name] = value;
  }
};
