/**
 * @module
 * Writing to the terminal or a pipe: results on stdout, diagnostics on stderr, nothing lost to a slow reader, and a
 * reader that goes away ends the command quietly.
 */
import { writeSync } from 'node:fs';
import type { Column, Listing, Moment } from '../programs/tool.ts';
import { printable } from './printable.ts';
import { forgiveReaders } from './readers.ts';

/** One line of a table; the last column is not padded. */
export const rowOf = <E>(columns: readonly Column<E>[], event: E, moment: Moment): string =>
  lineOf(
    columns,
    columns.map((column) => printable(column.text(event, moment))),
  );

export const headerOf = <E>(columns: readonly Column<E>[]): string =>
  lineOf(
    columns,
    columns.map(({ title }) => title),
  );

const lineOf = <E>(columns: readonly Column<E>[], cells: readonly string[]): string =>
  cells
    .map((cell, index) => {
      const { width = 0, align } = columns[index]!;
      if (align === 'right') return cell.padStart(width);
      return index === columns.length - 1 ? cell : cell.padEnd(width);
    })
    .join(' ');

/** One line of JSON; 64-bit numbers are strings, which lose nothing. */
export const jsonLine = (value: unknown): string =>
  JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? String(item) : item))
    // The control characters that JSON leaves as they are; some terminals obey them.
    .replace(
      /[\x7f-\x9f]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );

/** What is printed in place of running a tool. */
export const listingLines = (
  { columns, rows, json }: Listing<unknown>,
  asJson: boolean,
): readonly string[] => {
  if (asJson) return rows.map((row) => jsonLine(json(row)));
  const moment = now();
  return [headerOf(columns), ...rows.map((row) => rowOf(columns, row, moment))];
};

export const now = (): Moment => {
  const date = new Date();
  return { time: date.toTimeString().slice(0, 8), epochMs: date.getTime() };
};

const ENDS_OF_WAITING = ['drain', 'close', 'error'] as const;

/** stdout in whole lines. */
export class Printer {
  #opened = false;
  #gone = false;
  readonly #onGone: () => void;
  readonly #fail = (): void => {
    this.#gone = true;
    this.#onGone();
  };

  /** `onGone` is called when nobody reads any more, or nothing can be written. */
  constructor(onGone: () => void) {
    this.#onGone = onGone;
  }

  #open(): void {
    if (this.#opened) return;
    this.#opened = true;
    forgiveReaders();
    process.stdout.on('error', this.#fail);
  }

  /** Writes lines; the promise waits while the reader is slow. */
  async lines(lines: readonly string[]): Promise<void> {
    if (this.#gone || lines.length === 0) return;
    this.#open();
    if (process.stdout.write(`${lines.join('\n')}\n`)) return;
    await new Promise<void>((done) => {
      const finish = (): void => {
        for (const event of ENDS_OF_WAITING) process.stdout.off(event, finish);
        done();
      };
      for (const event of ENDS_OF_WAITING) process.stdout.on(event, finish);
    });
  }
}

/** A diagnostic, of one line. Not through process.stderr, which takes 3 ms to set up before the first line. */
export const say = (text: string): void => {
  try {
    writeSync(2, `${text}\n`);
  } catch (error) {
    // Another process may have made the pipe non-blocking: then it waits in the stream. Gone readers are no failure.
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
    forgiveReaders();
    process.stderr.write(`${text}\n`);
  }
};
