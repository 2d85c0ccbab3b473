/**
 * The commands and the programs of the README that need no privileges, in its own words: run from the packed package,
 * in a folder of their own, by a user who may do nothing. (testing.test.ts follows its recipe for tests, and
 * consumer.test.ts loads its program.)
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { build, root } from './built.ts';

const README = readFileSync(join(root, 'README.md'), 'utf8');
const blocks = (language: string): readonly string[] =>
  [...README.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(
    ([, code]) => code!,
  );

/** Each command, with what its comment says that it prints. */
const COMMANDS = blocks('sh')
  .flatMap((block) => block.trim().split('\n'))
  .filter((line) => /^(?:echo .* \| )?npx beespoke /.test(line))
  .map((line) => {
    const [, command = '', comment = ''] = /^(.*?)(?:\s+# (.*))?$/.exec(line)!;
    return { command, prints: /^prints (.*)$/.exec(comment)?.[1] };
  });

const NOBODY = 65534;
const isRoot = process.getuid!() === 0;

const built = build();
const home = mkdtempSync(join(tmpdir(), 'beespoke-readme-'));
afterAll(() => {
  built.remove();
  rmSync(home, { recursive: true, force: true });
});

/** The tarball, unpacked as npm would, and the files that the commands speak of. */
const layOut = (): void => {
  const modules = join(home, 'node_modules');
  mkdirSync(join(modules, 'beespoke'), { recursive: true });
  const pack = ['pack', '--json', '--ignore-scripts', '--loglevel=error', built.directory];
  const [{ filename }] = JSON.parse(execFileSync('npm', pack, { cwd: home, encoding: 'utf8' }));
  const unpack = ['-xzf', filename, '--strip-components=1', '-C', 'node_modules/beespoke'];
  execFileSync('tar', unpack, { cwd: home });
  mkdirSync(join(modules, '.bin'));
  const main = join(modules, 'beespoke/dist/cli/main.cjs');
  chmodSync(main, 0o755);
  symlinkSync(main, join(modules, '.bin/beespoke'));
  for (const name of ['koffi', '@koromix', 'tsx', 'esbuild', '@esbuild', 'get-tsconfig'])
    if (existsSync(join(root, 'node_modules', name)))
      symlinkSync(join(root, 'node_modules', name), join(modules, name));
  writeFileSync(join(home, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(home, 'prog.s'), '.section socket, "ax"\nprog:\n  r0 = 0\n  exit\n');
  writeFileSync(join(home, 'prog.ts'), blockWith('asm`'));
  writeFileSync(join(home, 'listing.ts'), blockWith('listing('));
  const objects = { 'prog.bpf.o': 'execs', 'one.bpf.o': 'counts', 'two.bpf.o': 'prints' };
  for (const [name, object] of Object.entries(objects))
    copyFileSync(join(root, `test/golden/cli/${object}.o`), join(home, name));
  chmodSync(home, 0o755);
  if (isRoot)
    for (const path of [home, ...Object.keys(objects)].map((each) => resolve(home, each)))
      chownSync(path, NOBODY, NOBODY);
};

const blockWith = (text: string): string => blocks('ts').find((code) => code.includes(text))!;

const run = (command: string) =>
  spawnSync('sh', ['-c', command], {
    cwd: home,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: {
      PATH: process.env.PATH,
      HOME: home,
      npm_config_update_notifier: 'false',
      // Node 20 has no TypeScript of its own.
      ...(command.includes('.ts') && { NODE_OPTIONS: '--import tsx' }),
    },
    ...(isRoot && { uid: NOBODY, gid: NOBODY }),
  });

const noTypes = existsSync('/sys/kernel/btf/vmlinux') ? undefined : 'this kernel has no BTF';

describe('the commands of the README', () => {
  layOut();

  it('are these, of which root runs others', () => {
    expect(COMMANDS.length).toBeGreaterThanOrEqual(10);
    expect(COMMANDS.filter(({ prints }) => prints !== undefined)).toHaveLength(1);
  });

  for (const { command, prints } of COMMANDS) {
    const missing = command.includes('beespoke btf') ? noTypes : undefined;
    const note = missing === undefined ? '' : ` (skipped: ${missing})`;
    it.skipIf(missing)(`work for nobody: ${command}${note}`, () => {
      const { status, stdout, stderr } = run(command);
      expect(stderr).toBe('');
      expect(status).toBe(0);
      if (prints !== undefined) expect(stdout).toBe(`${prints}\n`);
      const file = /(?:-o|>) (\S+)/.exec(command)?.[1];
      if (file === undefined) expect(stdout).not.toBe('');
      else expect(readFileSync(join(home, file)).length).toBeGreaterThan(100);
    });
  }
});

describe('the programs of the README', () => {
  it('print what they say', () => {
    expect(run('node listing.ts').stdout.trimEnd()).toMatchInlineSnapshot(`
      "   0: (b7) r0 = 0                                        ; listing.ts:3
         1: (95) exit                                          ; listing.ts:3"
    `);
  });

  it('make a program of text', () => {
    const show =
      "import('./prog.ts').then(({ program }) => import('beespoke/testing').then(({ simulate }) => console.log(simulate(program).programs.even.run({ packet: new Uint8Array(61) }).returnValue)))";
    expect(run(`node -e "${show}"`).stdout).toBe('1\n');
  });
});
