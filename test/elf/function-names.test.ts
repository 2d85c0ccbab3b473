import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ElfFile, functionNames, functionOffset } from '../../src/elf/index.ts';

/** The C library that this Node uses, and the program that runs it. */
const mapped = readFileSync('/proc/self/maps', 'utf8')
  .split('\n')
  .find((line) => /\/libc\.so\.6$|\/libc-[\d.]+\.so$/.test(line));
const libc = mapped === undefined ? undefined : realpathSync(mapped.slice(mapped.indexOf('/')));

/** The functions that readelf lists: in a table of symbols, defined, with an address. */
const readelf = (path: string): ReadonlySet<string> => {
  const text = execFileSync('readelf', ['-sW', path], { encoding: 'utf8', maxBuffer: 1 << 27 });
  const found = new Set<string>();
  // `   100: 0000000000026ad0     5 FUNC    GLOBAL DEFAULT   16 memcpy@@GLIBC_2.14`
  for (const [, address, section, name = ''] of text.matchAll(
    /^\s*\d+: ([0-9a-f]+)\s+\S+ FUNC\s+\S+\s+\S+\s+(\S+) (\S+)/gm,
  ))
    if (section !== 'UND' && Number.parseInt(address!, 16) !== 0) found.add(name.split('@')[0]!);
  return found;
};

const has = (tool: string): boolean => {
  try {
    execFileSync(tool, ['--version'], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
};

describe.skipIf(libc === undefined || !has('readelf'))('the functions of a file', () => {
  const open = (path: string) => new ElfFile(readFileSync(path), { label: path });

  it.each([libc!, realpathSync('/bin/sh')])('are those that readelf lists: %s', (path) => {
    const names = [...functionNames(open(path)).keys()];
    const bare = new Set(names.map((name) => name.split('@')[0]!));
    expect([...bare].sort()).toEqual([...readelf(path)].sort());
    if (path === libc) expect(names.length).toBeGreaterThan(1000);
  });

  it('have names by which each of them is found', () => {
    const file = open(libc!);
    const names = [...functionNames(file)];
    const versions = names.filter(([name]) => name.includes('@'));
    for (const [name, offset] of [...versions, ...names.filter((_, index) => index % 40 === 0)])
      expect([name, functionOffset(file, name)]).toEqual([name, offset]);
  });

  it('have a version in their name where there are several', () => {
    const names = functionNames(open(libc!));
    for (const name of names.keys()) {
      const [base = '', version] = name.split('@');
      if (version !== undefined) expect(names.has(base)).toBe(false);
    }
  });
});
