/** A BPF file system of the tests' own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Mounted until `close()`, with what is pinned in it. */
export class BpfFileSystem {
  readonly path = mkdtempSync(join(tmpdir(), 'bpffs-'));

  constructor() {
    try {
      execFileSync('mount', ['-t', 'bpf', 'bpf', this.path], { stdio: 'pipe' });
    } catch (error) {
      rmdirSync(this.path);
      throw error;
    }
  }

  close(): void {
    execFileSync('umount', [this.path]);
    rmdirSync(this.path);
  }
}

/** Why there can be none; undefined if there can. */
export const noFileSystem: string | undefined = (() => {
  try {
    new BpfFileSystem().close();
    return undefined;
  } catch (error) {
    return `no BPF file system can be mounted: ${(error as Error).message.trim()}`;
  }
})();
