/**
 * @module
 * Reads a text of instructions from left to right, for the parser: where it is, what comes next, and errors that say
 * the line and the column. Values can stand in the text (template.ts).
 *
 * Comments begin with `#` or `//`, or stand between `/*` and the same reversed. A line that begins with `;` is one, and
 * in a line of a listing (`3: (b7) r0 = 1 ; main.c:7`) so is what follows a `;`.
 */
import { AssemblerError, type Site } from './site.ts';

/** A text that cannot be assembled: the message says where in it, what is wrong, and what to do. */
export class AssemblerTextError extends AssemblerError {
  /** Counting from 1. */
  readonly line: number;
  readonly column: number;

  constructor(reason: string, { file, line, column }: TextPlace, site?: Site) {
    const place =
      file === undefined ? `line ${line}, column ${column}` : `${file}:${line}:${column}`;
    super(`${place}: ${reason}`, file === undefined ? site : undefined);
    this.line = line;
    this.column = column;
  }
}

/** A place in a text. Lines and columns count from 1. */
export interface TextPlace {
  readonly file: string | undefined;
  readonly line: number;
  readonly column: number;
  /** The line itself. */
  readonly text: string;
}

/** Stands for a value in the text: a character that no text has (Unicode's "object replacement"). */
const HOLE = '\uFFFC';

/** A line of a listing begins so: the verifier's log, `bpftool prog dump xlated`, our own. */
const LISTED = /^\s*\d+: \([0-9a-f]{2}\) /;
const WORD = /[A-Za-z_.$][\w.$]*/y;
/** Longer than what compilers make of the longest names. */
const MOST_LETTERS = 4096;
const NUMBER = /0[xX][0-9a-fA-F]+|0[bB][01]+|\d+/y;

/** A number as it was written. */
export interface Written {
  readonly value: bigint;
  /** In hexadecimal, where the kernel prints the bits rather than the value. */
  readonly hex: boolean;
  readonly at: number;
}

export interface ScannerOptions {
  /** What errors call the text. */
  readonly file?: string | undefined;
  /** Where a place in the text was written, for texts within TypeScript. */
  readonly siteAt?: ((place: TextPlace) => Site | undefined) | undefined;
}

export class Scanner {
  readonly #source: string;
  /** Without comments, of the same length. */
  readonly #text: string;
  readonly #lines: readonly number[];
  readonly #values: ReadonlyMap<number, unknown>;
  readonly #options: ScannerOptions;
  /** The index of the next character. */
  at = 0;

  /** `strings` with a value between each two of them. */
  constructor(strings: readonly string[], values: readonly unknown[], options: ScannerOptions) {
    this.#source = strings.join(HOLE);
    this.#options = options;
    this.#lines = [0, ...[...this.#source.matchAll(/\n/g)].map(({ index }) => index + 1)];
    let end = -1;
    this.#values = new Map(
      values.map((value, index) => {
        end += strings[index]!.length + 1;
        return [end, value];
      }),
    );
    const nul = this.#source.indexOf('\0');
    if (nul >= 0) this.fail('a text has no NUL in it', nul);
    this.#text = withoutComments(this.#source, (at) =>
      this.fail('a comment begins here and never ends: */ is missing', at),
    );
  }

  /** Goes on to the next character that is no space; lines end a statement, so they stop it. */
  skipSpaces(): void {
    this.#skip(/[ \t\r\f]*/y);
  }

  /** Goes on to the next statement. */
  skipLines(): void {
    this.#skip(/[\s;]*/y);
  }

  skipLine(): void {
    this.#skip(/[^\n]*/y);
  }

  #skip(pattern: RegExp): void {
    pattern.lastIndex = this.at;
    pattern.test(this.#text);
    this.at = Math.max(this.at, pattern.lastIndex);
  }

  get atEnd(): boolean {
    return this.at >= this.#text.length;
  }

  /** Whether the statement ends here. */
  get atStatementEnd(): boolean {
    this.skipSpaces();
    return this.atEnd || this.#text[this.at] === '\n' || this.#text[this.at] === ';';
  }

  /** What the pattern, which is sticky, finds here. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    this.skipSpaces();
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text);
    if (!found) return undefined;
    this.at = pattern.lastIndex;
    return found;
  }

  /** Whether the pattern, which is sticky, is found at a place. */
  begins(at: number, pattern: RegExp): boolean {
    pattern.lastIndex = at;
    return pattern.test(this.#text);
  }

  /** Whether these characters come next; if so, goes on behind them. */
  take(characters: string): boolean {
    this.skipSpaces();
    if (!this.#text.startsWith(characters, this.at)) return false;
    this.at += characters.length;
    return true;
  }

  expect(characters: string, where: string): void {
    if (!this.take(characters))
      this.fail(`${JSON.stringify(characters)} is missing ${where}, before ${this.rest()}`);
  }

  /** The next word, if one comes next. */
  word(): string | undefined {
    return this.#named(WORD);
  }

  /** The next word, or one in quotes, as names of sections and symbols can be. */
  name(): string | undefined {
    return this.#named(/"([^"\n]*)"/y) ?? this.word();
  }

  /** A text in quotes, with its escapes as they are written. */
  quoted(): string | undefined {
    this.skipSpaces();
    if (this.#text[this.at] !== '"') return undefined;
    const end = endOfQuoted(this.#text, this.at);
    const text = this.#text.slice(this.at + 1, end - 1);
    if (this.#text[end - 1] !== '"' || end - this.at < 2) return undefined;
    this.at = end;
    return text;
  }

  #named(pattern: RegExp): string | undefined {
    const found = this.match(pattern);
    if (!found) return undefined;
    const name = found[1] ?? found[0];
    if (name.length > MOST_LETTERS)
      this.fail(`a name has at most ${MOST_LETTERS} characters`, this.at - found[0].length);
    return name;
  }

  /** A whole number with or without a sign. */
  number(): Written | undefined {
    const start = this.at;
    const sign = this.match(/[-+]/y)?.[0];
    const at = this.at;
    const text = this.match(NUMBER)?.[0];
    if (text === undefined || /\w/.test(this.#text[this.at] ?? '')) {
      this.at = start;
      return undefined;
    }
    if (/^0\d/.test(text))
      this.fail(
        `${text} is octal to some assemblers and decimal to others: leave the zero away`,
        at,
      );
    if (text.length > 66) this.fail('a number has at most 64 bits', at);
    const value = BigInt(text);
    const hex = /^0x/i.test(text);
    return { value: sign === '-' ? -value : value, hex: hex && sign !== '-', at };
  }

  /** The value that stands here. */
  value(): { readonly value: unknown; readonly at: number } | undefined {
    this.skipSpaces();
    const at = this.at;
    if (!this.#values.has(at)) return undefined;
    this.at++;
    return { value: this.#values.get(at), at };
  }

  /** What comes next, for messages. */
  rest(): string {
    this.skipSpaces();
    const line = /[^\n;]*/y;
    line.lastIndex = this.at;
    const text = line.exec(this.#text)?.[0].trim() ?? '';
    const shown = text.replaceAll(HOLE, '$');
    return shown === ''
      ? 'the end of the line'
      : JSON.stringify(shown.length > 40 ? `${shown.slice(0, 40)}...` : shown);
  }

  placeOf(at: number): TextPlace {
    let [low, high] = [0, this.#lines.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#lines[middle]! <= at) low = middle;
      else high = middle;
    }
    const start = this.#lines[low]!;
    const text = this.#source.slice(start, this.#lines[low + 1] ?? undefined).trimEnd();
    return { file: this.#options.file, line: low + 1, column: at - start + 1, text };
  }

  /** What an instruction that begins here remembers of it. */
  siteOf(at: number): Site | undefined {
    const place = this.placeOf(at);
    const { file, line, column, text } = place;
    if (file !== undefined) return { source: { file, line, column, text } };
    return this.#options.siteAt?.(place);
  }

  fail(reason: string, at: number = this.at): never {
    throw new AssemblerTextError(reason, this.placeOf(at), this.siteOf(at));
  }

  /** What `make` returns; its errors get the place. */
  guard<T>(at: number, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (error instanceof AssemblerError && !(error instanceof AssemblerTextError))
        this.fail(error.reason, at);
      throw error;
    }
  }
}

const blank = (text: string): string => text.replace(/[^\n]/g, ' ');

/** The text with spaces in the place of comments, so that every place stays where it is. */
const withoutComments = (text: string, unended: (at: number) => never): string => {
  const lines = text.replace(/[^\n]+/g, (line) => {
    if (/^\s*;/.test(line)) return blank(line);
    const comment = LISTED.test(line) ? line.indexOf(';') : -1;
    return comment < 0 ? line : line.slice(0, comment) + blank(line.slice(comment));
  });
  // A `#` between a name and a number is the kernel's: call bpf_ktime_get_ns#5.
  const beginning = /"|\/[*/]|(?<!\w)#|#(?!\d)/g;
  let [kept, until] = ['', 0];
  for (let found = beginning.exec(lines); found; found = beginning.exec(lines)) {
    const from = found.index;
    const end =
      found[0] === '"'
        ? endOfQuoted(lines, from)
        : endOf(lines, from, found[0] === '/*' ? '*/' : '\n');
    if (end === undefined) unended(from);
    if (found[0] !== '"') {
      kept += lines.slice(until, from) + blank(lines.slice(from, end));
      until = end;
    }
    beginning.lastIndex = end;
  }
  return kept + lines.slice(until);
};

/** Behind the `*` and `/` of a comment, if they come; before the end of the line, for one that ends there. */
const endOf = (text: string, from: number, mark: '*/' | '\n'): number | undefined => {
  const end = text.indexOf(mark, from + 2);
  if (mark === '*/') return end < 0 ? undefined : end + 2;
  return end < 0 ? text.length : end;
};

/** Behind the second quote of a text that begins here, or at the end of the line. */
const endOfQuoted = (text: string, from: number): number => {
  const end = /\\[^\n]|["\n]/g;
  end.lastIndex = from + 1;
  for (let found = end.exec(text); found; found = end.exec(text)) {
    if (found[0] === '"') return end.lastIndex;
    if (found[0] === '\n') return found.index;
  }
  return text.length;
};
