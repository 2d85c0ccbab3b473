/**
 * Every type of attachment, and every way to it: the checks of test/kernel/attach-checks.ts, one row for each hook. What
 * the kernel is new enough for, and is configured with, must work.
 */

import { attachChecks } from '../../kernel/attach-checks.ts';
import {
  assertOwnNetwork,
  type Check,
  isForbidden,
  LO,
  lackOf,
  runCheck,
  up,
} from '../../kernel/attach-support.ts';
import { check, Unsupported } from './check.ts';

/** The check that the oldest kernels can do. */
const oldest = (checks: readonly Check[]): Check =>
  checks.toSorted(({ since: a = '' }, { since: b = '' }) =>
    a.localeCompare(b, 'en', { numeric: true }),
  )[0]!;

/** Runs the checks of a hook: the ways that there are. */
const attached = async (checks: readonly Check[], isOwn: boolean): Promise<string> => {
  const possible = checks.filter((each) => lackOf(each) === undefined);
  if (possible.length === 0) throw new Unsupported(lackOf(oldest(checks))!);
  if (!isOwn && possible.some(({ alone }) => alone)) throw new Unsupported('-');
  const failures: string[] = [];
  for (const each of possible) {
    try {
      await runCheck(each);
    } catch (error) {
      if (!isOwn && isForbidden(error)) throw new Unsupported('forbidden');
      failures.push(`${each.name}: ${(error as Error).message}`);
    }
  }
  if (failures.length > 0) throw new Error(failures.join(' | '));
  return [...new Set(possible.flatMap(({ way = [] }) => way))].join(', ') || 'works';
};

/** `isOwn` says that the machine is there for the checks alone: nothing is forbidden there. */
export const checkAttaching = async (isOwn: boolean): Promise<void> => {
  assertOwnNetwork();
  up(LO);
  for (const hook of new Set(attachChecks.map(({ hook }) => hook))) {
    const checks = attachChecks.filter((each) => each.hook === hook);
    await check('attaching', hook, () => attached(checks, isOwn));
  }
};
