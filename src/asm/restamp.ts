/**
 * @module
 * For macros written with the language itself: gives their instructions the line of the macro's caller.
 */
import type { Choice, Code, Instruction, Label } from './code.ts';
import type { Site } from './site.ts';

/**
 * The same code with every instruction at `site`.
 * @example
 * const twice = (r: R): Code => restamp(callSite(twice), [add(r, r)]);
 */
export const restamp = (site: Site, code: Code): Code => {
  if (!code) return code;
  if (Array.isArray(code)) return (code as readonly Code[]).map((item) => restamp(site, item));
  const item = code as Instruction | Label | Choice;
  if (item.kind === 'instruction') return { ...item, site };
  if (item.kind === 'label') return item;
  return { ...item, yes: restamp(site, item.yes), no: restamp(site, item.no) };
};
