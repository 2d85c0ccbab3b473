/**
 * @module
 * Filters of traffic control outlive their process. So each bears in its name, which `tc filter show` prints, whose it
 * is: `count:[12] of beespoke 4711 in pid:[4026531836]`. The next one that is attached to the interface removes those of
 * processes that were killed, with the clsact qdisc if that was made for them.
 */
import { existsSync } from 'node:fs';
import {
  type Direction,
  deleteClsact,
  deleteFilter,
  filtersOf,
  hasClsact,
} from '../syscall/index.ts';
import { ownPidNamespace } from './own-namespace.ts';

const DIRECTIONS = ['ingress', 'egress'] as const satisfies readonly Direction[];
const OWNER = / of beespoke (\d+) in (\S+?)(, with its qdisc)?$/;

/** The name of a filter of this process. `made`: whether the qdisc is there for it alone. */
export const ownedName = (name: string, made: boolean, pid = process.pid): string =>
  `${name} of beespoke ${pid} in ${ownPidNamespace()}${made ? ', with its qdisc' : ''}`;

/** Removes the filters that killed processes have left at an interface. Those of anybody else stay. */
export const removeAbandonedFilters = (index: number): void => {
  let made = false;
  for (const direction of DIRECTIONS) {
    for (const filter of filtersOf(index, direction)) {
      const [, pid, namespace, qdisc] = OWNER.exec(filter.name ?? '') ?? [];
      // Of another PID namespace, nobody here can say whether the process has ended.
      if (!pid || namespace !== ownPidNamespace() || existsSync(`/proc/${pid}`)) continue;
      deleteFilter(index, filter);
      made ||= qdisc !== undefined;
    }
  }
  if (made) removeUnusedClsact(index);
};

/** Removes the qdisc, unless there are filters at it. */
export const removeUnusedClsact = (index: number): void => {
  if (!hasClsact(index)) return;
  if (DIRECTIONS.every((direction) => filtersOf(index, direction).length === 0))
    deleteClsact(index);
};
