/** The pure rooms in a browser, from the package as it is published. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Built, build } from './built.ts';

const BROWSERS = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];

const browser = BROWSERS.find((name) => {
  try {
    execFileSync(name, ['--version'], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
});
const reason = browser ? undefined : `there is no browser: ${BROWSERS.join(', ')}`;

describe.skipIf(reason)(`a browser${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let built: Built;
  const directory = mkdtempSync(join(tmpdir(), 'beespoke-browser-'));
  beforeAll(() => {
    built = build();
    mkdirSync(join(directory, 'node_modules'));
    symlinkSync(built.directory, join(directory, 'node_modules/beespoke'));
  }, 60_000);
  afterAll(() => {
    built.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  it('runs programs in both engines, and reads and writes object files', async () => {
    // Beside node_modules, where a user's own would be.
    const input = join(directory, 'page.js');
    copyFileSync(join(import.meta.dirname, 'browser/page.js'), input);
    const complaints: string[] = [];
    const bundle = await rolldown({
      input,
      platform: 'browser',
      onLog: (_, { message }) => complaints.push(message),
    });
    const { output } = await bundle.generate({ format: 'iife' });
    await bundle.close();
    // Nothing of it asks for Node.
    expect(complaints).toEqual([]);
    expect(output.map(({ type }) => type)).toEqual(['chunk']);
    // A tag in a string would end the script.
    const script = output[0].code.replaceAll('</script', '<\\/script');
    const page = join(directory, 'page.html');
    writeFileSync(page, `<!doctype html><body><script>${script}</script></body>`);
    const shown = execFileSync(
      browser!,
      [
        '--no-sandbox',
        '--disable-gpu',
        `--user-data-dir=${join(directory, 'profile')}`,
        '--dump-dom',
        `file://${page}`,
      ],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 60_000 },
    );
    const [, text = shown] = /<body>(.*)<\/body>/s.exec(shown) ?? [];
    expect(JSON.parse(text)).toEqual({
      sums: [4950, 4950],
      files: [4950, 4950],
      exits: [[[7, 'sh', 3]], [[7, 'sh', 3]]],
    });
  }, 90_000);
});
