import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ElfFile, functionOffset, functionOffsets } from '../../src/elf/index.ts';

/** What `nm` says of the functions of a library: their names, with versions, and addresses. */
const nm = (path: string): { name: string; address: number; kind: string }[] =>
  execFileSync('nm', ['-D', '--defined-only', path], { encoding: 'utf8', maxBuffer: 1 << 26 })
    .trim()
    .split('\n')
    .map((line) => {
      const [address = '', kind = '', name = ''] = line.split(' ');
      return { name, address: Number.parseInt(address, 16), kind };
    });

/** The executable segments of a file, as readelf has them. */
const segments = (path: string): { offset: number; address: number; size: number }[] =>
  [
    ...execFileSync('readelf', ['-lW', path], { encoding: 'utf8' }).matchAll(
      /LOAD +(0x\S+) (0x\S+) 0x\S+ (0x\S+) 0x\S+ R E/g,
    ),
  ].map(([, offset, address, size]) => ({
    offset: Number(offset),
    address: Number(address),
    size: Number(size),
  }));

/** The C library that this Node uses. */
const libc = (): string => {
  const line = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .find((each) => /\/libc\.so\.6$|\/libc-[\d.]+\.so$/.test(each));
  return line === undefined ? '' : realpathSync(line.slice(line.indexOf('/')));
};

const hasBinutils = (() => {
  try {
    execFileSync('nm', ['--version'], { stdio: 'pipe' });
    return libc() !== '';
  } catch {
    return false;
  }
})();

describe.skipIf(!hasBinutils)('the offset of a function of the C library', () => {
  const path = libc();
  const file = new ElfFile(readFileSync(path), { label: path });
  const loads = segments(path);
  const toOffset = (address: number) => {
    const found = loads.find(
      (each) => address >= each.address && address < each.address + each.size,
    )!;
    return address - found.address + found.offset;
  };

  it('is where nm and readelf say', () => {
    const functions = nm(path).filter(({ kind }) => kind === 'T');
    expect(functions.length).toBeGreaterThan(500);
    let same = 0;
    for (const { name, address } of functions.filter((_, index) => index % 40 === 0)) {
      // `@@` is the default version, which is what a bare name may mean as well.
      expect([name, functionOffset(file, name)]).toEqual([name, toOffset(address)]);
      same++;
    }
    expect(same).toBeGreaterThan(10);
  });

  it('is that of a version of it', () => {
    const versioned = nm(path).filter(({ name, kind }) => kind === 'T' && /[^@]@[^@]/.test(name));
    for (const { name, address } of versioned.slice(0, 10))
      expect([name, functionOffset(file, name)]).toEqual([name, toOffset(address)]);
    expect(functionOffset(file, 'malloc@NO_SUCH_VERSION')).toBeUndefined();
  });

  it('is that of the function, not of the weak one, and undefined where there is none', () => {
    expect(functionOffset(file, 'no_such_function')).toBeUndefined();
    // Defined elsewhere, used here.
    expect(functionOffset(file, '__tls_get_addr')).toBeUndefined();
    expect(functionOffset(file, 'environ')).toBeUndefined();
    expect(functionOffset(file, 'malloc')).toBe(
      toOffset(nm(path).find(({ name }) => /^malloc(@@|$)/.test(name))!.address),
    );
  });

  it('is found for all functions of a pattern, each once', () => {
    const found = functionOffsets(file, (name) => /^mem/.test(name));
    expect(found.size).toBe(new Set(found.keys()).size);
    expect([...found.values()]).toContain('memccpy');
    for (const [offset, name] of found) expect(name.startsWith('mem') && offset > 0).toBe(true);
  });
});
