/**
 * @module
 * The TypeScript behind a stack frame. Under tsx and vitest frames point at it already; frames of built JavaScript are
 * taken through the source map beside it.
 */
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Frame } from '../asm/index.ts';

/** A line of source. */
export interface SourceLine extends Frame {
  /** The line without its indentation; undefined when the file cannot be read. */
  readonly text: string | undefined;
}

interface Mapped {
  readonly map: SourceMap;
  readonly directory: string;
  readonly contents: ReadonlyMap<string, string>;
}

const maps = new Map<string, Mapped | undefined>();
const files = new Map<string, readonly string[] | undefined>();

/** Where a frame is in the source that people wrote. */
export const sourceOf = (frame: Frame): SourceLine => {
  const file = frame.file.startsWith('file:') ? fileURLToPath(frame.file) : frame.file;
  const mapped = /\.[cm]?js$/.test(file) ? remembered(maps, file, readMap) : undefined;
  const entry = mapped?.map.findEntry(frame.line - 1, frame.column - 1);
  // What the bundler itself wrote has no source.
  if (!mapped || !entry || !('originalSource' in entry) || entry.originalSource === undefined)
    return withText({ ...frame, file });
  return withText(
    {
      file: resolve(mapped.directory, entry.originalSource),
      line: entry.originalLine + 1,
      column: entry.originalColumn + 1,
    },
    mapped.contents.get(entry.originalSource),
  );
};

const withText = (frame: Frame, content?: string): SourceLine => {
  if (frame.text !== undefined) return { ...frame, text: frame.text.trim() };
  const lines = content?.split('\n') ?? remembered(files, frame.file, readLines);
  return { ...frame, text: lines?.[frame.line - 1]?.trim() };
};

const remembered = <T>(known: Map<string, T>, path: string, read: (path: string) => T): T => {
  if (!known.has(path)) known.set(path, read(path));
  return known.get(path)!;
};

const readLines = (path: string): readonly string[] | undefined => {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return undefined;
  }
};

const readMap = (path: string): Mapped | undefined => {
  try {
    const payload = JSON.parse(readFileSync(`${path}.map`, 'utf8'));
    const contents = new Map<string, string>();
    (payload.sources as string[]).forEach((source, index) => {
      const content = payload.sourcesContent?.[index];
      if (typeof content === 'string') contents.set(source, content);
    });
    return { map: new SourceMap(payload), directory: dirname(path), contents };
  } catch {
    return undefined;
  }
};
