import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, realpathSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findExecutable } from '../../src/kernel/executable.ts';
import { findInLinkerCache } from '../../src/kernel/linker-cache.ts';

/** The libraries that ldconfig lists for this architecture, the first of each name. */
const listed = (): ReadonlyMap<string, string> => {
  const architecture = process.arch === 'arm64' ? 'AArch64' : 'x86-64';
  const found = new Map<string, string>();
  const text = execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' });
  for (const [, name = '', path = ''] of text.matchAll(
    new RegExp(`^\\t(\\S+) \\(libc6,${architecture}\\) => (\\S+)$`, 'gm'),
  ))
    if (!found.has(name)) found.set(name, path);
  return found;
};

describe.skipIf(!existsSync('/sbin/ldconfig'))('a library by its name', () => {
  it('is where the dynamic linker has it', () => {
    const libraries = listed();
    expect(libraries.size).toBeGreaterThan(5);
    for (const [name, path] of libraries)
      expect([name, findInLinkerCache(name, '/etc/ld.so.cache')[0]]).toEqual([name, path]);
    expect(realpathSync(findExecutable('libc.so.6'))).toBe(
      realpathSync(libraries.get('libc.so.6')!),
    );
  });

  it('is none that the linker does not know, and none without its table', () => {
    expect(findInLinkerCache('libnosuch.so.7', '/etc/ld.so.cache')).toEqual([]);
    expect(findInLinkerCache('libc.so.6', '/no/such/table')).toEqual([]);
    expect(findInLinkerCache('libc.so.6', '/etc/passwd')).toEqual([]);
  });
});

describe('an executable', () => {
  it('is found on the PATH', () => {
    expect(realpathSync(findExecutable('sh'))).toBe(realpathSync('/bin/sh'));
    expect(findExecutable(process.execPath)).toBe(process.execPath);
  });

  it('is taken as a process has it, in whatever root that has', async () => {
    const child = spawn('/bin/sleep', ['60']);
    try {
      await once(child, 'spawn');
      const own = findExecutable('libc.so.6', { pid: child.pid });
      expect(realpathSync(own)).toBe(realpathSync(findExecutable('libc.so.6')));
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    expect(() => findExecutable('libc.so.6', { pid: child.pid! })).toThrow(
      `there is no process ${child.pid}`,
    );
  });
});
