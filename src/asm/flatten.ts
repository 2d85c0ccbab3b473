/**
 * @module
 * From nested lists to a flat sequence: what assembling and checking both start from.
 *
 * What `choose` decides is decided; else both ways are kept, with forks, so that a check sees all paths.
 */
import type { Choice, Code, Condition, Instruction, Label, StackSlot } from './code.ts';
import { AssemblerError, type Site } from './site.ts';

/** Goes on, or to the label: a choice that is not decided yet. `always` for the jump over the other way. */
export interface Fork {
  readonly kind: 'fork';
  readonly to: Label;
  readonly always: boolean;
  /** What leads on, rather than to the label. */
  readonly condition?: Condition;
}

export type Item = Instruction | Label | Fork;

/** A list of the program, for the lifetimes of stack slots. */
interface Scope {
  readonly parent: Scope | undefined;
  readonly depth: number;
}

export interface Flat {
  readonly items: readonly Item[];
  /** The bytes of stack that the slots need. */
  readonly frame: number;
  /** Each slot's offset from the frame pointer: negative. */
  readonly slots: ReadonlyMap<StackSlot, number>;
}

/** The bytes that a frame may have (MAX_BPF_STACK). */
export const MAX_STACK = 512;

export const flatten = (
  body: Code,
  choose?: (condition: Condition) => boolean | undefined,
): Flat => {
  const items: Item[] = [];
  const owners = new Map<StackSlot, Scope>();

  const walk = (code: Code, scope: Scope): void => {
    if (code === false || code === null || code === undefined) return;
    if (Array.isArray(code)) {
      const list = code as readonly Code[];
      const inner = isOneElement(list) ? scope : { parent: scope, depth: scope.depth + 1 };
      list.forEach((item) => {
        walk(item, inner);
      });
      return;
    }
    const item = code as Instruction | Label | Choice;
    if (item?.kind === 'choice') walkChoice(item, scope);
    else if (item?.kind === 'instruction' || item?.kind === 'label') {
      if (item.kind === 'instruction' && item.slot) {
        const owner = owners.get(item.slot);
        owners.set(item.slot, owner ? common(owner, scope) : scope);
      }
      items.push(item);
    } else {
      const before = items.findLast((known) => known.kind === 'instruction');
      throw new AssemblerError(
        `a program is made of instructions, labels and lists, got ${describe(code)}${before ? ' after this line' : ''}`,
        before?.site,
      );
    }
  };
  const walkChoice = ({ condition, yes, no }: Choice, scope: Scope): void => {
    const inner = { parent: scope, depth: scope.depth + 1 };
    const decided = choose?.(condition);
    if (decided !== undefined) {
      walk(decided ? yes : no, inner);
      return;
    }
    const otherwise: Label = { kind: 'label', name: 'no' };
    const end: Label = { kind: 'label', name: 'end' };
    items.push({ kind: 'fork', to: otherwise, always: false, condition });
    walk(yes, inner);
    items.push({ kind: 'fork', to: end, always: true }, otherwise);
    walk(no, { parent: scope, depth: scope.depth + 1 });
    items.push(end);
  };

  walk(body, { parent: undefined, depth: 0 });
  return { items, ...placeSlots(owners) };
};

/**
 * Whether one `call` or `lea` made the whole list. It counts as one element of the list around it: the address that
 * `lea` leaves in a register outlives its own two instructions.
 */
const isOneElement = (list: readonly Code[]): boolean => {
  const site = (item: Code | undefined): Site | undefined =>
    (item as Instruction | undefined)?.kind === 'instruction'
      ? (item as Instruction).site
      : undefined;
  const first = site(list[0]);
  return first !== undefined && list.every((item) => site(item) === first);
};

const describe = (value: unknown): string =>
  typeof value === 'object'
    ? JSON.stringify(value)?.slice(0, 60)
    : `${typeof value} ${String(value)}`;

/** The innermost list that holds both. */
const common = (a: Scope, b: Scope): Scope => {
  let [one, other]: [Scope, Scope] = [a, b];
  while (one !== other) {
    if (one.depth >= other.depth) one = one.parent!;
    else other = other.parent!;
  }
  return one;
};

/** Slots of a list lie below those of the lists around it; lists beside each other share their bytes. */
const placeSlots = (owners: ReadonlyMap<StackSlot, Scope>): Pick<Flat, 'frame' | 'slots'> => {
  const own = new Map<Scope, StackSlot[]>();
  for (const [slot, scope] of owners) own.set(scope, [...(own.get(scope) ?? []), slot]);
  const sizes = new Map<Scope, number>();
  for (const [scope, slots] of own) {
    sizes.set(
      scope,
      slots.reduce((sum, { size }) => sum + roundUp8(size), 0),
    );
  }
  const above = (scope: Scope | undefined): number =>
    scope ? above(scope.parent) + (sizes.get(scope.parent!) ?? 0) : 0;

  const slots = new Map<StackSlot, number>();
  let frame = 0;
  for (const [scope, list] of own) {
    let depth = above(scope);
    for (const slot of list) {
      depth += roundUp8(slot.size);
      slots.set(slot, -depth);
    }
    if (depth > MAX_STACK) {
      throw new AssemblerError(
        `the stack slots need ${depth} bytes, but a frame has ${MAX_STACK}; put large ones into a per-CPU array`,
        list.at(-1)?.site,
      );
    }
    frame = Math.max(frame, depth);
  }
  return { frame, slots };
};

const roundUp8 = (size: number): number => Math.max(8, Math.ceil(size / 8) * 8);
