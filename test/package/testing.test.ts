/**
 * What the README promises to who writes a program and its test: the test fails with the line and the cause, without
 * root and without a kernel that takes programs from them, and passes once the program is mended.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { build, root } from './built.ts';

/** The program with its mistake, its test, and what that says: as the README has them. */
const [, COUNTER = '', TEST = '', OUTPUT = ''] =
  /^## Test a program$.*?^```ts\n(.*?)^```$.*?^```ts\n(.*?)^```$.*?^```\n(.*?)^```$/ms.exec(
    readFileSync(join(root, 'README.md'), 'utf8'),
  ) ?? [];

/** The program as its author mends it. */
const MENDED = Object.entries({
  'import {': 'import { ja, jne, label, update,',
  'const pid = stack(u32);':
    "const pid = stack(u32);\nconst one = stack(u64);\nconst [known, out] = [label('known'), label('out')];",
  '      load(r1, u64.at(r0)),': `      jne(r0, 0, known),
      store(one, 1),
      update(starts, pid, one),
      ja(out),
      known,
      load(r1, u64.at(r0)),`,
  '      mov(r0, 0),': '      out,\n      mov(r0, 0),',
}).reduce((code, [from, to]) => code.replace(from, to), COUNTER);

/** What the types keep apart. */
const WRONG = `import { simulate } from 'beespoke/testing';
import { expect } from 'vitest';
import { counter } from './counter.ts';

const machine = simulate(counter);
expect(machine).toHaveMap('starts', new Map([[7, 2n]]));
// @ts-expect-error there is no such map
expect(machine).toHaveMap('stops', []);
// @ts-expect-error values have 64 bits
expect(machine).toHaveMap('starts', [[7, 2]]);
// @ts-expect-error a hash table gets no events
expect(machine.maps.starts).toEmit({ pid: 7 });
`;

const built = build({ types: true });
const home = mkdtempSync(join(tmpdir(), 'beespoke-recipe-'));
afterAll(() => {
  built.remove();
  rmSync(home, { recursive: true, force: true });
});

/** A folder as npm would lay it out. */
const layOut = (): void => {
  chmodSync(home, 0o755);
  const modules = join(home, 'node_modules');
  mkdirSync(modules);
  cpSync(built.directory, join(modules, 'beespoke'), { recursive: true });
  for (const name of ['koffi', '@koromix', '@types', 'undici-types', 'vitest'])
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  writeFileSync(join(home, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(home, 'counter.test.ts'), TEST);
};

const write = (counter: string): void => writeFileSync(join(home, 'counter.ts'), counter);

/** What vitest says, to someone without any privileges. */
const runVitest = () => {
  const unprivileged = process.getuid!() === 0 ? { uid: 65534, gid: 65534 } : {};
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [vitest, 'run', '--root', home, '--cache=false', '--no-color'],
    { encoding: 'utf8', cwd: home, env: { PATH: process.env.PATH, HOME: home }, ...unprivileged },
  );
  return { status, text: `${stdout}\n${stderr}` };
};

describe('the recipe', () => {
  layOut();

  it('fails with the line and the cause', () => {
    write(COUNTER);
    const { status, text } = runVitest();
    expect(OUTPUT).toMatch(/^SimulationFault: .*counter\.ts:18/);
    for (const line of OUTPUT.trim().split('\n')) expect(text).toContain(line);
    expect(text).toMatch(/❯ counter\.ts:18:\d+\n.*\n.*\n +18\| +load\(r1, u64\.at\(r0\)\),/);
    expect(text).toContain('counter.test.ts:7:');
    expect(text).toMatch(
      /Error: expected it to pass the verifier; the static checks judged, .*\nonExec \(tracepoint\/sched\/sched_process_exec\), instruction 8: r0 may be 0.*\n {2}at .*counter\.ts:18:\d+\n {6}load\(r1/,
    );
    expect(status).toBe(1);
  });

  it('passes when it is mended', () => {
    write(MENDED);
    const { status, text } = runVitest();
    expect(text).toContain('2 passed');
    expect(status).toBe(0);
  });

  it('is typed', () => {
    writeFileSync(join(home, 'wrong.ts'), WRONG);
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const options =
      '--module nodenext --target es2022 --strict --noEmit --skipLibCheck --types node';
    const allow = '--allowImportingTsExtensions';
    const { stdout } = spawnSync(
      process.execPath,
      [tsc, ...options.split(' '), allow, 'wrong.ts', 'counter.test.ts'],
      { cwd: home, encoding: 'utf8' },
    );
    expect(stdout).toBe('');
  });
});
