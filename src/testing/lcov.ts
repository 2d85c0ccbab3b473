/**
 * @module
 * lcov files (geninfo(1)): a record for each source file, of which what is known here is read and the rest is kept as
 * it stands.
 * @example
 * // node merge.ts, after vitest run --coverage
 * const [all, bpf] = ['coverage/lcov.info', 'coverage/bpf.info'];
 * writeFileSync(all, mergeCoverage(readFileSync(all, 'utf8'), readFileSync(bpf, 'utf8')));
 */

/** What is known of a source file. */
export interface SourceCoverage {
  /** Its path, as it stands there. */
  readonly source: string;
  /** Lines of other kinds, in their order: `TN:`, functions. */
  readonly others: readonly string[];
  /** How often each line was run. */
  readonly lines: ReadonlyMap<number, number>;
  /** How often each branch was taken, by `line,block,branch`; undefined where its condition was never asked. */
  readonly branches: ReadonlyMap<string, number | undefined>;
}

/**
 * Puts what `collectCoverage()` has written into the lcov file of vitest's own coverage. A line with instructions counts
 * their runs alone: that JavaScript ran it means only that the program was built. All else of the report stays, and the
 * branches of the program stand beside those of the JavaScript on the same line.
 */
export const mergeCoverage = (report: string, programs: string): string => {
  const runs = addedUp(parseLcov(programs));
  const known = new Set<string>();
  const merged = parseLcov(report).map((built) => {
    const ran = runs.get(built.source);
    if (!ran) return built;
    // Who reads the file adds up the records of a source: the runs are in the first.
    const isFirst = !known.has(built.source);
    known.add(built.source);
    return isFirst ? withRuns(built, ran) : withoutRuns(built, ran);
  });
  const others = [...runs].flatMap(([source, ran]) => (known.has(source) ? [] : ran));
  return [...merged, ...others].map(printLcov).join('');
};

const withRuns = (built: SourceCoverage, ran: SourceCoverage): SourceCoverage => ({
  ...built,
  lines: new Map([...built.lines, ...ran.lines]),
  branches: new Map([...built.branches, ...ran.branches]),
});

const withoutRuns = (built: SourceCoverage, ran: SourceCoverage): SourceCoverage => ({
  ...built,
  lines: new Map([...built.lines].filter(([line]) => !ran.lines.has(line))),
});

/** One record of each source: the files of a test run have each written their own. */
const addedUp = (records: readonly SourceCoverage[]): ReadonlyMap<string, SourceCoverage> => {
  const sums = new Map<string, SourceCoverage>();
  for (const record of records) {
    const sum = sums.get(record.source);
    sums.set(
      record.source,
      sum
        ? {
            ...sum,
            lines: sumOf(sum.lines, record.lines),
            branches: sumOf(sum.branches, record.branches),
          }
        : record,
    );
  }
  return sums;
};

const sumOf = <K, V extends number | undefined>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>) => {
  const sum = new Map(a);
  for (const [key, count] of b) {
    const known = sum.get(key);
    sum.set(key, known === undefined ? count : ((known + (count ?? 0)) as V));
  }
  return sum;
};

/** The totals, which are counted anew. */
const TOTALS = /^(?:LF|LH|BRF|BRH):/;

export const parseLcov = (text: string): SourceCoverage[] =>
  text.split(/^end_of_record\r?\n?/m).flatMap((record) => {
    const source = /^SF:(.*?)\r?$/m.exec(record)?.[1];
    if (source === undefined) return [];
    const others: string[] = [];
    const lines = new Map<number, number>();
    const branches = new Map<string, number | undefined>();
    for (const line of record.split(/\r?\n/)) {
      const [, at, count] = /^DA:(\d+),(\d+)/.exec(line) ?? [];
      const [, branch, taken] = /^BRDA:(\d+,[^,]+,.+),(-|\d+)$/.exec(line) ?? [];
      if (at !== undefined) lines.set(Number(at), Number(count));
      else if (branch !== undefined)
        branches.set(branch, taken === '-' ? undefined : Number(taken));
      else if (line !== '' && !TOTALS.test(line) && !line.startsWith('SF:')) others.push(line);
    }
    return [{ source, others, lines, branches }];
  });

export const printLcov = ({ source, others, lines, branches }: SourceCoverage): string => {
  const names = others.filter((line) => line.startsWith('TN:'));
  const rest = others.filter((line) => !line.startsWith('TN:'));
  const sortedBranches = [...branches].sort(
    ([a], [b]) => Number.parseInt(a, 10) - Number.parseInt(b, 10),
  );
  const sortedLines = [...lines].sort(([a], [b]) => a - b);
  return [
    ...(names.length > 0 ? names : ['TN:']),
    `SF:${source}`,
    ...rest,
    ...sortedBranches.map(([branch, taken]) => `BRDA:${branch},${taken ?? '-'}`),
    `BRF:${branches.size}`,
    `BRH:${sortedBranches.filter(([, taken]) => (taken ?? 0) > 0).length}`,
    ...sortedLines.map(([line, count]) => `DA:${line},${count}`),
    `LF:${lines.size}`,
    `LH:${sortedLines.filter(([, count]) => count > 0).length}`,
    'end_of_record',
    '',
  ].join('\n');
};
