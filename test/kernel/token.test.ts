import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { socketFilter } from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { isAtLeast, tokenCreate } from '../../src/syscall/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { done, fixture, holdings, only, thrown } from './object-support.ts';

/** Runs delegated.ts with the BPF file system of its namespace at `directory`. */
const runDelegated = (program: string, directory: string): string =>
  execFileSync(
    program,
    [directory, process.execPath, '--import', import.meta.resolve('tsx'), fixture('delegated.ts')],
    { encoding: 'utf8', env: { ...process.env, LIBBPF_BPF_TOKEN_PATH: directory } },
  );

const withDelegate = <T>(run: (program: string, directory: string) => T): T => {
  const folder = mkdtempSync(join(tmpdir(), 'delegate-'));
  try {
    const program = join(folder, 'delegate');
    execFileSync('cc', ['-O1', '-w', fixture('delegate.c'), '-o', program], { stdio: 'pipe' });
    return run(program, mkdtempSync(join(folder, 'bpf-')));
  } finally {
    rmSync(folder, { recursive: true });
  }
};

const old = !isAtLeast('6.9') && 'tokens need Linux 6.9';
const noCompiler = spawnSync('cc', ['--version']).status !== 0 && 'no C compiler';
const cannotDelegate = (): string | false => {
  const { status, stderr } = withDelegate((program, directory) =>
    spawnSync(program, [directory, 'true'], { encoding: 'utf8' }),
  );
  return status !== 0 && stderr.trim();
};
const missing = noBpf || old || noCompiler || cannotDelegate();

describe.skipIf(missing)(`a token${missing ? ` (skipped: ${missing})` : ''}`, () => {
  it('lets a user namespace load what it has no capabilities of the host for', () => {
    const { without, found } = JSON.parse(withDelegate(runDelegated)) as Record<string, string>;
    expect(without).toMatch(/^cannot (create the|load the) .*: EPERM/);
    expect(found).toBe('loaded with 2 maps and types: 2');
  });
});

describe.skipIf(noBpf || old)(kernel('without a token'), () => {
  it('objects load as ever, and a place that has none is an error', () => {
    const before = holdings();
    loadObject(only(socketFilter(done))).close();
    loadObject(only(socketFilter(done)), { token: '' }).close();
    expect(thrown(() => loadObject(only(socketFilter(done)), { token: '/tmp' })).message).toBe(
      'cannot get a token from the BPF file system at /tmp: EINVAL (invalid argument). The path must be where a BPF file system is mounted, and tokens need Linux 6.9',
    );
    expect(thrown(() => tokenCreate('/no/such/directory')).message).toMatch(
      'cannot open /no/such/directory: ENOENT',
    );
    expect(holdings()).toEqual(before);
  });
});
