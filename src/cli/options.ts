/**
 * @module
 * Option tables: parsing, checking and help, by node:util's parseArgs.
 */
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Option, OptionTable } from '../programs/tool.ts';
import { UsageError } from './errors.ts';

/** What was given, by camelCase name. */
export type Given = Readonly<Record<string, string | boolean | number | undefined>>;

/** `minUs` is `--min-us`. */
export const flagOf = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Parses arguments by a table; `positionals` name the options that are given by position. */
export const parseOptions = (
  args: readonly string[],
  table: OptionTable,
  positionals: readonly string[] = [],
): Given => {
  const named = Object.fromEntries(
    Object.entries(table).filter(([name]) => !positionals.includes(name)),
  );
  const { given, rest } = parseWithRest(args, named);
  if (rest.length > positionals.length) {
    throw new UsageError(`unexpected argument ${JSON.stringify(rest[positionals.length])}`);
  }
  const placed = positionals.map((name, index) => {
    const option = table[name]!;
    const value = rest[index];
    const what = option.placeholder ?? flagOf(name);
    return [name, value === undefined ? defaultOf(option) : checked(what, option, value)];
  });
  return { ...given, ...Object.fromEntries(placed) };
};

/** Parses the arguments of a command that takes any number by position, which are `rest`. */
export const parseWithRest = (
  args: readonly string[],
  table: OptionTable,
): { readonly given: Given; readonly rest: readonly string[] } => {
  const named = Object.entries(table);
  const { values, positionals } = parse(args, named);
  const given = named.map(([name, option]) => {
    const value = values[flagOf(name)];
    return [
      name,
      value === undefined ? defaultOf(option) : checked(`--${flagOf(name)}`, option, value),
    ];
  });
  return { given: Object.fromEntries(given), rest: positionals };
};

const parse = (args: readonly string[], named: readonly (readonly [string, Option])[]) => {
  const options = Object.fromEntries(
    named.map(([name, { type, short }]) => [
      flagOf(name),
      {
        type: type === 'boolean' ? ('boolean' as const) : ('string' as const),
        ...(short ? { short } : {}),
      },
    ]),
  );
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    // parseArgs adds advice for authors behind the first sentence.
    throw new UsageError(
      (error as Error).message
        .split(/\. |\n/)[0]!
        .replace(/^Option '(.*?)(?: <value>)?' argument missing$/, '$1 lacks its value')
        .replace(
          /^Option '(.*?)(?: <value>)?' argument is ambiguous\.?$/,
          '$1 lacks its value: what follows begins with a dash',
        )
        .replace(/^[A-Z]/, (letter) => letter.toLowerCase()),
    );
  }
};

const defaultOf = (option: Option) =>
  option.type === 'boolean' ? false : 'default' in option ? option.default : undefined;

const checked = (
  what: string,
  option: Option,
  value: string | boolean,
): string | boolean | number => {
  if (typeof value === 'boolean') return value;
  switch (option.type) {
    case 'number':
      return whole(what, value, option.min ?? 0, option.max ?? Number.MAX_SAFE_INTEGER);
    case 'pid':
      return existingProcess(what, whole(what, value, 1, 2 ** 22), option.thread);
    case 'cpu':
      return existingCpu(what, whole(what, value, 0, Number.MAX_SAFE_INTEGER));
    case 'text':
      if (option.maxBytes !== undefined && Buffer.byteLength(value) > option.maxBytes) {
        throw new UsageError(
          `${what} takes at most ${option.maxBytes} bytes, got ${JSON.stringify(value)}`,
        );
      }
      return value;
    default:
      return value;
  }
};

const whole = (what: string, text: string, least: number, most: number): number => {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`;
  throw new UsageError(`${what} takes a whole number ${range}, got ${JSON.stringify(text)}`);
};

const existingProcess = (what: string, pid: number, thread = false): number => {
  if (!existsSync('/proc/self')) return pid;
  const group = threadGroup(pid);
  if (group === undefined)
    throw new Error(`${what}: there is no process${thread ? ' or thread' : ''} ${pid}`);
  if (!thread && group !== pid) throw new Error(`${what}: ${pid} is a thread, of process ${group}`);
  return pid;
};

/** The process that a thread is of, which has the number of its first thread; undefined for none. */
const threadGroup = (tid: number): number | undefined => {
  try {
    const status = readFileSync(`/proc/${tid}/status`, 'latin1');
    return Number(/^Tgid:\s*(\d+)$/m.exec(status)?.[1] ?? tid);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    // /proc may hide what it has of the processes of others (hidepid=1).
    if (code === 'EACCES' || code === 'EPERM') return tid;
    throw error;
  }
};

const existingCpu = (what: string, cpu: number): number => {
  const directory = '/sys/devices/system/cpu';
  if (existsSync(`${directory}/cpu${cpu}`) || !existsSync(directory)) return cpu;
  throw new Error(`${what}: there is no CPU ${cpu}`);
};

/** Bytes: `65536`, `64K`, `8M`. */
export const parseSize = (what: string, text: string): number => {
  const found = /^(\d+)([kKmMgG]?)(?:i?[bB])?$/.exec(text);
  const unit = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[found?.[2]?.toLowerCase() ?? ''] ?? 1;
  const bytes = Number(found?.[1]) * unit;
  if (!found || bytes < 4096 || bytes > 1024 ** 3) {
    throw new UsageError(
      `${what} takes a size from 4K to 1G, such as 8M, got ${JSON.stringify(text)}`,
    );
  }
  return bytes;
};

/** The lines of help for a table. */
export const helpOf = (table: OptionTable, positionals: readonly string[] = []): string[] => {
  const rows = Object.entries(table).map(([name, option]): readonly [string, string] => {
    const value =
      option.type === 'boolean' ? '' : ` ${option.placeholder ?? option.type.toUpperCase()}`;
    const fallback =
      'default' in option && option.default !== undefined ? ` (default ${option.default})` : '';
    if (positionals.includes(name))
      return [`  ${option.placeholder ?? flagOf(name)}`, option.help + fallback];
    const short = option.short ? `-${option.short}, ` : '    ';
    return [`  ${short}--${flagOf(name)}${value}`, option.help + fallback];
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, help]) => left.padEnd(width) + help);
};
