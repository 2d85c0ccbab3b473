/**
 * A refused program is explained by its line of TypeScript also when the program was compiled, the package was built,
 * and both lie somewhere else than where that was done.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { noBpf } from '../syscall/support.ts';
import { build, root } from './built.ts';

const FORGETFUL = `import { call, exit, hash, helper, load, mov, object, r0, r1, socketFilter, stack, store, u32, u64 } from 'beespoke';
import { loadObject } from 'beespoke/kernel';

const counts = hash(u32, u64);
const key = stack(u32);
const forgetful = object({
  license: 'GPL',
  maps: { counts },
  programs: {
    count: socketFilter([
      store(key, 0),
      call(helper.map_lookup_elem, counts, key),
      load(r1, u64.at(r0)), // the check for 0 is missing
      mov(r0, 0),
      exit(),
    ]),
  },
});
try {
  loadObject(forgetful).close();
} catch (error) {
  console.log((error as Error).message);
}
`;

const built = build({ types: true });
const home = mkdtempSync(join(tmpdir(), 'beespoke-forgetful-'));
const elsewhere = mkdtempSync(join(tmpdir(), 'beespoke-elsewhere-'));
afterAll(() => {
  built.remove();
  for (const directory of [home, elsewhere]) rmSync(directory, { recursive: true, force: true });
});

/** A folder with the package in it, as npm would lay it out, and the program, compiled. */
const layOut = (): void => {
  const modules = join(home, 'node_modules');
  mkdirSync(modules);
  cpSync(built.directory, join(modules, 'beespoke'), { recursive: true });
  for (const name of ['koffi', '@koromix', '@types', 'undici-types']) {
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(home, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(home, 'forgetful.ts'), FORGETFUL);
  const options = ['--module', 'nodenext', '--target', 'es2022', '--sourceMap', '--outDir', 'out'];
  const types = ['--types', 'node', '--skipLibCheck'];
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, ...options, ...types, 'forgetful.ts'], { cwd: home });
};

describe.skipIf(noBpf)('a forgotten null check', () => {
  layOut();
  cpSync(home, elsewhere, { recursive: true, verbatimSymlinks: true });

  for (const [where, directory] of Object.entries({
    'the built package': home,
    'a copy of it': elsewhere,
  })) {
    it(`is explained by ${where}`, () => {
      const message = execFileSync(process.execPath, ['out/forgetful.js'], {
        cwd: directory,
        encoding: 'utf8',
      });
      const [first, at, line] = message.split('\n');
      expect(first).toBe(
        "the kernel refuses count (socket): R0 invalid mem access 'map_value_or_null'",
      );
      expect(at).toMatch(/^ {2}at .*\/forgetful\.ts:13:\d+$/);
      expect(at).toContain(directory);
      expect(line).toBe('      load(r1, u64.at(r0)), // the check for 0 is missing');
      expect(message).toMatch(
        /^ {2}r0 holds map_value_or_null\(.*\): the value of the map counts, or 0/m,
      );
      expect(message).toContain('\n      5: call bpf_map_lookup_elem#1 (forgetful.ts:12)\n');
      expect(message).toContain("the end of the verifier's log:");
    });
  }
});
