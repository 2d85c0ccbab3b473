/** The modules that lie beside the checks on a machine of their own. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MODULES = join(import.meta.dirname, 'modules');

/** Inserts all of them. They do not need each other. */
export const insertModules = (): void => {
  for (const name of readdirSync(MODULES)) {
    const packed = join(MODULES, name);
    const plain = join('/tmp', name.replace(/\.xz$/, ''));
    const unpack = () => execFileSync('xzcat', [packed], { maxBuffer: 1 << 26 });
    writeFileSync(plain, name.endsWith('.xz') ? unpack() : readFileSync(packed));
    execFileSync('insmod', [plain]);
  }
};
