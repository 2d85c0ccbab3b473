import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { sourceOf } from '../../src/kernel/index.ts';

const directory = mkdtempSync(join(tmpdir(), 'sources-'));
afterAll(() => rmSync(directory, { recursive: true }));
const write = (name: string, text: string): string => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};

/** Line 1 has nothing of ours; column 1 of line 2 is line 2, column 3 of one.ts; column 11 is line 3, column 1. */
const MAP = {
  version: 3,
  sources: ['../src/one.ts'],
  names: [],
  mappings: ';AACE,UACF',
};

describe('the source of a frame', () => {
  it('is the frame itself for TypeScript, with the text of its line', () => {
    const file = write('plain.ts', 'first();\n  second();\n');
    expect(sourceOf({ file, line: 2, column: 3 })).toEqual({
      file,
      line: 2,
      column: 3,
      text: 'second();',
    });
  });

  it('may be given as a URL', () => {
    const file = write('url file.ts', 'only();');
    expect(sourceOf({ file: pathToFileURL(file).href, line: 1, column: 1 })).toMatchObject({
      file,
      text: 'only();',
    });
  });

  it('has no text where there is no such file or line', () => {
    expect(sourceOf({ file: '/no/such.ts', line: 1, column: 1 }).text).toBeUndefined();
    const file = write('short.ts', 'one');
    expect(sourceOf({ file, line: 9, column: 1 }).text).toBeUndefined();
  });

  it.each(['js', 'mjs', 'cjs'])('of built .%s is found through the map beside it', (extension) => {
    const file = write(`built.${extension}`, '// banner\ncall();    other();\n');
    const content = 'import x;\n  call();\nother();\n';
    write(`built.${extension}.map`, JSON.stringify({ ...MAP, sourcesContent: [content] }));
    const source = join(directory, '../src/one.ts');
    expect(sourceOf({ file, line: 2, column: 1 })).toEqual({
      file: source,
      line: 2,
      column: 3,
      text: 'call();',
    });
    expect(sourceOf({ file, line: 2, column: 14 })).toEqual({
      file: source,
      line: 3,
      column: 1,
      text: 'other();',
    });
  });

  it('of built JavaScript is that JavaScript where the map is missing, broken or has nothing', () => {
    const bare = write('bare.js', 'call();\n');
    expect(sourceOf({ file: bare, line: 1, column: 1 })).toMatchObject({
      file: bare,
      text: 'call();',
    });
    const broken = write('broken.js', 'call();\n');
    write('broken.js.map', '{');
    expect(sourceOf({ file: broken, line: 1, column: 1 })).toMatchObject({ file: broken });
    const banner = write('banner.js', '// banner\ncall();\n');
    write('banner.js.map', JSON.stringify(MAP));
    expect(sourceOf({ file: banner, line: 1, column: 1 })).toMatchObject({
      file: banner,
      text: '// banner',
    });
  });
});
