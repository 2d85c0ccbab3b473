/**
 * @module
 * Tracepoints: as tracefs has them, with records, and as the kernel's code does, with arguments (raw_tp and tp_btf).
 */
import type { Probe } from './probe.ts';
import { type ProbeSources, readOr } from './sources.ts';
import { NO_TYPES } from './types.ts';
import type { Wanted } from './wanted.ts';

export const tracepoints = (sources: ProbeSources, { hook, accepts, miss }: Wanted): Probe[] =>
  readEvents(sources, miss).flatMap(({ category, event }) => {
    if (!accepts(event, category)) return [];
    const name = `${category}/${event}`;
    return [{ kind: 'tracepoint', section: `${hook}/${name}`, name }];
  });

const readEvents = (
  sources: ProbeSources,
  miss: (why: string) => void,
): readonly { readonly category: string; readonly event: string }[] => {
  const lines = readOr(sources.events, (error) => miss(error.message)) ?? [];
  return lines.map((line) => {
    const [category = '', event = ''] = line.split(':');
    return { category, event };
  });
};

/** tp_btf, and raw_tp where there are types: also tracepoints without a record, of which tracefs knows nothing. */
export const typedTracepoints = (
  kind: 'raw_tp' | 'tp_btf',
  sources: ProbeSources,
  { types, hook, accepts, miss }: Wanted,
): Probe[] => {
  const probe = (name: string, module?: string): Probe[] =>
    accepts(name, module) ? [{ kind, section: `${hook}/${name}`, name, module }] : [];
  if (types.all.length > 0)
    return types.all.flatMap(({ btf, module }) =>
      types.tracepoints(btf).flatMap((name) => probe(name, module)),
    );
  if (kind === 'tp_btf') {
    miss(NO_TYPES);
    return [];
  }
  // Tracepoints of system calls are made by tracefs out of two that are for all of them.
  return readEvents(sources, miss).flatMap(({ category, event }) =>
    category === 'syscalls' ? [] : probe(event),
  );
};
