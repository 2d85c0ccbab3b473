import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { noBpf } from '../syscall/support.ts';
import { type Built, build, root } from './built.ts';

/** The other versions of Node stay here from one run to the next. */
const cache = join(root, 'node_modules/.cache/beespoke');

const run = (
  command: string,
  args: readonly string[],
  cwd: string,
  { timeout }: { timeout?: number } = {},
): string => {
  try {
    return execFileSync(command, args, {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout,
      killSignal: 'SIGKILL',
    });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    const what = `${command} ${args.join(' ')}`;
    throw new Error(`${what} failed:\n${stdout}${stderr || (error as Error).message}`);
  }
};

/** npm's own advice is no part of what is tested. */
const npm = (args: readonly string[], cwd: string): string =>
  run('npm', [...args, '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'], cwd, {
    // Some versions of npm hang now and then at the end of a large download.
    timeout: 120_000,
  });

/** The package, installed from its tarball into a folder that knows nothing of this one. */
const install = (): { readonly built: Built; readonly home: string } => {
  const built = build({ types: true });
  const home = mkdtempSync(join(tmpdir(), 'beespoke-consumer-'));
  const [packed] = JSON.parse(npm(['pack', '--json', '--ignore-scripts', built.directory], home));
  writeFileSync(join(home, 'package.json'), '{ "type": "module", "private": true }');
  npm(['install', `./${packed.filename}`], home);
  return { built, home };
};

const { built, home } = install();
afterAll(() => {
  built.remove();
  rmSync(home, { recursive: true, force: true });
});

/** A file of another package of npm's, which is installed once; undefined with the reason where it cannot be had. */
const fromNpm = (
  name: string,
  version: string,
  file: string,
): { readonly path: string } | { readonly missing: string } => {
  const folder = join(cache, `${name}-${version}`);
  const path = join(folder, 'node_modules', name, file);
  if (existsSync(path)) return { path };
  mkdirSync(cache, { recursive: true });
  const loading = mkdtempSync(join(cache, 'loading-'));
  try {
    writeFileSync(join(loading, 'package.json'), '{ "private": true }');
    npm(['install', '--ignore-scripts', `${name}@${version}`], loading);
    renameSync(loading, folder);
    return { path };
  } catch (error) {
    rmSync(loading, { recursive: true, force: true });
    const why = (error as Error).message.trim().split('\n').at(-1);
    return { missing: `${name}@${version} cannot be installed: ${why}` };
  }
};

/** Node of a major version. */
const nodeOf = (major: number) =>
  process.versions.node.startsWith(`${major}.`)
    ? { path: process.execPath }
    : fromNpm(`node-linux-${process.arch}`, String(major), 'bin/node');

const NODES = [20, 22, 24].map((major) => ({ major, ...nodeOf(major) }));

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>;
}
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
const entries = Object.keys(exports)
  .filter((name) => name !== './package.json')
  .map((name) => `beespoke${name.slice(1)}`);

/** The TypeScript of the README, in the order in which it stands there, but what testing.test.ts is about. */
const readme = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)]
  .map(([, code]) => code!)
  .filter((code) => !code.includes("'vitest'"));

const LOADING = readme.findIndex((code) => code.includes('loadObject'));

/** Type-checks and compiles files as a strict user would, with no more types than are said. */
const compile = (
  name: string,
  files: Readonly<Record<string, string>>,
  options: Readonly<Record<string, unknown>>,
  compiler = join(root, 'node_modules/typescript/bin/tsc'),
): string => {
  const directory = join(home, name);
  mkdirSync(directory, { recursive: true });
  for (const [file, code] of Object.entries(files)) writeFileSync(join(directory, file), code);
  writeFileSync(
    join(directory, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'es2022',
        module: 'nodenext',
        strict: true,
        skipLibCheck: false,
        rootDir: '.',
        outDir: 'out',
        sourceMap: true,
        ...options,
      },
      files: Object.keys(files),
    }),
  );
  run(process.execPath, [compiler, '-p', '.'], directory);
  return join(directory, 'out');
};

/** @types/node as the user would install it. */
const linkNodeTypes = (): void => {
  for (const name of ['@types/node', 'undici-types']) {
    const link = join(home, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    if (!existsSync(link)) symlinkSync(join(root, 'node_modules', name), link);
  }
};

const PURE = `
import { assemble, decode, encode, listing } from 'beespoke/asm';
import { Btf } from 'beespoke/btf';
import * as layout from 'beespoke/layout';
import { exitsnoop } from 'beespoke/programs';
import { parseRefusal } from 'beespoke/verifier';
import { exit, label, jeq, mov, object, r0, r1, struct, tracepoint, u32, w1, type Value } from 'beespoke';

const Event = struct('event', { pid: u32, code: u32 });
const event: Value<typeof Event> = { pid: 1, code: 7 };
export const bytes: Uint8Array = layout.encode(Event, event);
const out = label('out');
const spec = object({
  license: 'GPL',
  maps: {},
  programs: { p: tracepoint('sched/sched_process_exit', [mov(w1, 7), jeq(w1, 7, out), mov(r1, 1), out, mov(r0, 0), exit()]) },
});
const { instructions } = assemble(spec.programs.p.body, () => true);
const code = encode(instructions);
export const lines: string[] = listing(decode(code), { lines: false });
export const tool: string = exitsnoop.name;
export { Btf, parseRefusal };
// @ts-expect-error one has 32 bits, the other 64
export const wrong = () => mov(w1, r1);
`;

const SHOW = `
import { bytes, lines, tool } from './pure.js';
console.log(JSON.stringify({ bytes: [...bytes], lines, tool }));
`;

describe('the tarball', () => {
  it('holds what is published, and nothing else', () => {
    const files = run('find', ['node_modules/beespoke', '-type', 'f'], home).trim().split('\n');
    const odd = files
      .map((file) => file.replace('node_modules/beespoke/', ''))
      .filter(
        (file) =>
          !/^(dist\/.*\.(c?js|c?js\.map|d\.ts)|LICENSE|README\.md|package\.json)$/.test(file),
      );
    expect(odd).toEqual([]);
  });

  it('brings koffi along and no other package', () => {
    const installed = JSON.parse(npm(['ls', '--all', '--json'], home));
    expect(Object.keys(installed.dependencies)).toEqual(['beespoke']);
    // Optional ones that are not there are listed without a version.
    const { dependencies } = installed.dependencies.beespoke;
    const there = Object.keys(dependencies).filter((name) => dependencies[name].version);
    expect(there).toEqual(['koffi']);
  });

  it('is what publint asks for', () => {
    const publint = join(root, 'node_modules/publint/src/cli.js');
    expect(run(process.execPath, [publint, built.directory, '--strict'], root)).toContain(
      'All good!',
    );
  });

  it('names no machine', () => {
    const found = run('sh', ['-c', `grep -rlF '${root}' node_modules/beespoke || true`], home);
    expect(found).toBe('');
  });
});

describe("a user's program", () => {
  it("compiles against the pure entries without Node's types", () => {
    compile(
      'strict',
      { 'pure.ts': PURE },
      { lib: ['es2023'], types: [], exactOptionalPropertyTypes: true },
    );
    compile('usual', { 'pure.ts': PURE }, { lib: ['es2023'], types: [] });
  });

  const all = entries.map((name, i) => `export * as e${i} from '${name}';\n`).join('');
  const files = Object.fromEntries(readme.map((code, i) => [`readme${i}.ts`, code]));

  it("compiles against every entry with Node's types, the README's programs too", () => {
    linkNodeTypes();
    // The types of beespoke/testing ask for those of vitest; what it does is to run without it.
    const vitest = join(home, 'node_modules/vitest');
    symlinkSync(join(root, 'node_modules/vitest'), vitest);
    try {
      compile('all', { 'all.ts': all, ...files }, { types: ['node'] });
    } finally {
      rmSync(vitest);
    }
    expect(readme.length).toBeGreaterThan(1);
  });

  const oldest = fromNpm('typescript', '5.7', 'bin/tsc');
  const missing = 'missing' in oldest ? oldest.missing : undefined;
  it.skipIf(missing)(
    `compiles with the oldest TypeScript that the README names${missing ? ` (skipped: ${missing})` : ''}`,
    () => {
      linkNodeTypes();
      const [, version] = /TypeScript (\d+\.\d+) or newer/.exec(
        readFileSync(join(root, 'README.md'), 'utf8'),
      )!;
      expect(version).toBe('5.7');
      const compiler = 'path' in oldest ? oldest.path : '';
      compile('oldest', { 'pure.ts': PURE, ...files }, { types: ['node'] }, compiler);
    },
  );
});

let output: string | undefined;
/** The folder of what runs on each Node: the program above, and the README's that loads an object. */
const compiled = (): string => {
  if (output !== undefined) return output;
  linkNodeTypes();
  const files = { 'pure.ts': PURE, 'show.ts': SHOW, 'main.ts': readme[LOADING]! };
  output = compile('run', files, { types: ['node'] });
  return output;
};

describe.each(NODES)('on Node $major', (node) => {
  const missing = 'missing' in node ? node.missing : undefined;
  const path = 'path' in node ? node.path : '';
  const note = missing === undefined ? '' : ` (skipped: ${missing})`;
  const bin = 'node_modules/.bin/beespoke';

  it.skipIf(missing)(`imports every entry${note}`, () => {
    const code = `for (const name of ${JSON.stringify(entries)}) await import(name); console.log(process.version);`;
    const version = run(path, ['--input-type=module', '-e', code], home);
    expect(version).toMatch(new RegExp(`^v${node.major}\\.`));
  });

  it.skipIf(missing)(`builds, encodes and disassembles an object${note}`, () => {
    const { bytes, lines, tool } = JSON.parse(run(path, [join(compiled(), 'show.js')], home));
    expect(bytes).toEqual([1, 0, 0, 0, 7, 0, 0, 0]);
    expect(tool).toBe('exitsnoop');
    expect(lines).toEqual([
      '   0: (b4) w1 = 7',
      '   1: (16) if w1 == 0x7 goto pc+1',
      '   2: (b7) r1 = 1',
      '   3: (b7) r0 = 0',
      '   4: (95) exit',
    ]);
  });

  it.skipIf(missing)(`runs the command${note}`, () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(run(path, [bin, '--version'], home).trim()).toBe(version);
    expect(run(path, [bin, '--help'], home)).toContain('exitsnoop');
    expect(run(path, [bin, 'disasm', 'exitsnoop'], home)).toContain('exitsnoop.ts:');
  });

  it.skipIf(missing || noBpf)(
    `loads tools, and runs the README's program until Ctrl-C${noBpf ? ` (skipped: ${noBpf})` : note}`,
    async () => {
      expect(run(path, [bin, 'list'], home)).toMatch(/^exitsnoop +yes/m);
      const child = spawn(path, [join(compiled(), 'main.js')], { cwd: home });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (data) => {
        stdout += data;
      });
      child.stderr.on('data', (data) => {
        stderr += data;
        if (stderr === 'attached; Ctrl-C ends it\n') {
          execFileSync('sh', ['-c', 'exec sleep 0']);
          child.kill('SIGINT');
        }
      });
      const [status] = await once(child, 'close');
      expect(stderr).toBe('attached; Ctrl-C ends it\nlost: 0\n');
      expect(status).toBe(0);
      expect(stdout).toMatch(/^\d+ sleep$/m);
    },
  );
});

it('is run by npx from the tarball', () => {
  expect(npm(['exec', '--', 'beespoke', '--help'], home)).toContain('beespoke COMMAND');
});
