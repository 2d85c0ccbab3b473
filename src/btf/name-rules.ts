/**
 * Which names the kernel takes where: the *_check_meta functions of kernel/bpf/btf.c. Of the rules that changed over
 * time the strictest is used (`.` in any name came with 6.4, 511 characters with 6.1), so that what is built loads on every
 * kernel. Only a `?` before the name of a section (6.10) is taken: downgrading removes it.
 *
 * @example
 * checkNames({ kind: 'struct', name: 'my struct', size: 0, members: [] });   // throws
 *
 * @module
 */
import { BtfError } from './error.ts';
import type { BtfTypeInput } from './types.ts';

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
const DOTTED = /^[A-Za-z_.][A-Za-z0-9_.]*$/;
/** KSYM_NAME_LEN before 6.1, with the NUL. */
const MAX_LENGTH = 127;

type Rule = 'identifier' | 'dotted' | 'any' | 'none';

const check = (name: string, rule: Rule, required: boolean, what: string): void => {
  if (name === '') {
    if (required) throw new BtfError(`${what} needs a name`);
    return;
  }
  const shown = `'${name}'`;
  if (rule === 'none') throw new BtfError(`${what} has no name in BTF, found ${shown}`);
  if (name.includes('\0')) throw new BtfError(`${what}: a name ends at NUL, found ${shown}`);
  if (rule === 'any') return;
  if (!(rule === 'identifier' ? IDENTIFIER : DOTTED).test(name)) {
    const expected = rule === 'identifier' ? 'a C identifier' : 'letters, digits, _ and .';
    throw new BtfError(`${what}: expected ${expected}, found ${shown}`);
  }
  if (name.length > MAX_LENGTH) {
    throw new BtfError(
      `${what}: expected at most ${MAX_LENGTH} characters, found ${name.length}: ${shown}`,
    );
  }
};

/** Throws BtfError if the kernel would refuse a name in this type. */
export const checkNames = (type: BtfTypeInput): void => {
  const { kind, name } = type;
  const what = name === '' ? kind : `${kind} ${name}`;
  switch (kind) {
    case 'ptr':
    case 'array':
    case 'volatile':
    case 'const':
    case 'restrict':
      check(name, 'none', false, kind);
      return;
    case 'int':
    case 'float':
      check(name, 'any', false, kind);
      return;
    case 'type_tag':
    case 'decl_tag':
      check(name, 'any', true, kind);
      return;
    case 'typedef':
    case 'fwd':
    case 'func':
      check(name, 'identifier', true, kind);
      return;
    case 'var':
      check(name, 'dotted', true, kind);
      return;
    case 'datasec':
      check(name.replace(/^\?/, ''), 'dotted', true, kind);
      return;
    case 'struct':
    case 'union':
      check(name, 'identifier', false, kind);
      for (const m of type.members) check(m.name, 'identifier', false, `a member of ${what}`);
      return;
    case 'enum':
    case 'enum64':
      check(name, 'identifier', false, kind);
      for (const v of type.values) check(v.name, 'identifier', true, `a value of ${what}`);
      return;
    case 'func_proto':
      check(name, 'none', false, kind);
      for (const p of type.params) check(p.name, 'identifier', false, `a parameter of ${what}`);
  }
};
