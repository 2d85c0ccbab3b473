import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SUMMARIES } from '../../src/cli/summaries.ts';
import { toolNames, toolOf } from '../../src/cli/tools.ts';
import { build, root } from '../package/built.ts';

const built = build();
afterAll(() => built.remove());

/** Every script that a command loads, as V8's coverage lists them, and how long the command took without that. */
const loadedBy = (args: readonly string[]): { readonly scripts: string[]; readonly ms: number } => {
  const coverage = mkdtempSync(join(tmpdir(), 'beespoke-coverage-'));
  const run = (env: NodeJS.ProcessEnv) => {
    const started = performance.now();
    const { status, stderr } = spawnSync(process.execPath, [built.main, ...args], {
      encoding: 'utf8',
      env,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return performance.now() - started;
  };
  try {
    run({ ...process.env, NODE_V8_COVERAGE: coverage });
    const [file] = readdirSync(coverage);
    const { result } = JSON.parse(readFileSync(join(coverage, file!), 'utf8')) as {
      result: { url: string }[];
    };
    const { NODE_V8_COVERAGE: _, ...env } = process.env;
    return { scripts: result.map(({ url }) => url), ms: run(env) };
  } finally {
    rmSync(coverage, { recursive: true, force: true });
  }
};

const bareNode = (): number => {
  const started = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - started;
};

describe('what costs nothing', () => {
  const commands = [
    '--help',
    '--version',
    'list --help',
    'exitsnoop --help',
    'disasm exitsnoop',
    'btf --help',
    'load --help',
    'run --help',
    'doctor --help',
    'map --help',
    'probes --help',
  ];

  it.each(commands)('%s loads no native code and no validator', (command) => {
    const { scripts, ms } = loadedBy(command.split(' '));
    expect(scripts.some((url) => url.endsWith('dist/cli/main.cjs'))).toBe(true);
    expect(scripts.filter((url) => /koffi|koromix|zod/.test(url))).toEqual([]);
    console.info(`${command}: ${ms.toFixed(0)} ms (node -e 0: ${bareNode().toFixed(0)} ms)`);
  });

  it('--help loads two files or three', () => {
    const { scripts } = loadedBy(['--help']);
    expect(scripts.filter((url) => url.includes('/dist/')).length).toBeLessThanOrEqual(3);
  });
});

describe('the summaries, which help prints without loading the tools', () => {
  it('are those of the tools, in their order', async () => {
    const tools = toolNames().map((name) => toolOf(name)!);
    const own = Object.fromEntries(tools.map(({ name, summary }) => [name, summary]));
    expect(SUMMARIES).toEqual(own);
    expect(Object.keys(SUMMARIES)).toEqual(Object.keys(own));
    expect(toolNames()).toEqual(Object.keys(own));
  });

  it("have their rows in the README's table", () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    for (const name of toolNames()) expect(readme).toContain(`\n| \`${name}\` | `);
  });
});
