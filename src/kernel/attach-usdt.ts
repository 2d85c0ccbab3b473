/**
 * @module
 * Programs at static probes of user programs: a uprobe at each place of the probe (libbpf's usdt.c).
 */
import { ET, encodeUsdtSpec, parseUsdtArguments, usdtProbes } from '../elf/index.ts';
import { NotFoundError, RequirementError } from '../object/index.ts';
import { attachAt, type FilePlace } from './attach-uprobe.ts';
import { assembled, type Closable } from './closable.ts';
import { findExecutable, withElfFile } from './executable.ts';
import { Link } from './link.ts';
import type { AttachContext, CookieOptions } from './perf-link.ts';
import { addressesOf } from './process-maps.ts';
import type { Program } from './program.ts';

/** What of this the hook `usdt/PATH:PROVIDER:NAME` says need not be said again. */
export interface UsdtOptions extends CookieOptions {
  /** The executable or library. */
  readonly path?: string | undefined;
  readonly provider?: string | undefined;
  /** The name of the probe. */
  readonly probe?: string | undefined;
  /** Only in this process. Kernels before 5.15 need it, but for executables at fixed addresses. */
  readonly pid?: number | undefined;
}

/** `PATH:PROVIDER:NAME`; undefined when a part is missing. */
export const parseUsdt = (
  name: string,
): { readonly path: string; readonly provider: string; readonly probe: string } | undefined => {
  const [, path, provider, probe] = /^(.+):([^:]+):([^:]+)$/.exec(name) ?? [];
  return path === undefined || provider === undefined || probe === undefined
    ? undefined
    : { path, provider, probe };
};

/** usdt: as many links as the probe has places. */
export const attachUsdt = (
  program: Program,
  context: AttachContext,
  options: UsdtOptions,
): Link => {
  const { section, name, type } = program.spec.hook;
  const named = parseUsdt(name);
  const { path: file = named?.path, provider = named?.provider } = options;
  const { probe = named?.probe, pid, cookie = 0 } = options;
  if (file === undefined || provider === undefined || probe === undefined)
    throw new RequirementError(
      `${section} says not where: attach it with { path, provider, probe }, or write ${type}/PATH:PROVIDER:NAME`,
    );
  const { usdt } = context;
  if (!usdt)
    throw new RequirementError(
      `${section}: the object has no map __bpf_usdt_specs, by which a program reads the arguments: use BPF_USDT of bpf/usdt.bpf.h`,
    );
  const path = findExecutable(file, options);
  const places = placesOf(section, path, provider, probe);
  return assembled((own) => {
    const ids = new Map<string, number>();
    const specs: Closable[] = [];
    const links = places.map((place) => {
      const spec = encodeUsdtSpec(place.args, BigInt(cookie));
      // Places with the same arguments share their description.
      const key = String(spec);
      if (!ids.has(key)) {
        const added = own(usdt.add(spec));
        specs.push(added);
        ids.set(key, added.id);
      }
      const id = ids.get(key)!;
      if (usdt.byCookie) return own(attachAt(program, context, place, { pid, cookie: id }));
      for (const address of place.addresses(pid)) specs.push(own(usdt.place(address, id)));
      return own(attachAt(program, context, place, { pid }));
    });
    return new Link(section, 'links', [...links, ...specs]);
  });
};

interface Place extends FilePlace {
  readonly args: ReturnType<typeof parseUsdtArguments>;
  /** Where it is in memory, for kernels that tell programs no more. */
  readonly addresses: (pid: number | undefined) => readonly bigint[];
}

const placesOf = (section: string, path: string, provider: string, probe: string): Place[] =>
  withElfFile(path, (elf) => {
    const { machine, type } = elf;
    const all = usdtProbes(elf);
    const found = all.filter((each) => each.provider === provider && each.name === probe);
    if (found.length === 0) {
      const names = [...new Set(all.map((each) => `${each.provider}:${each.name}`))].join(', ');
      throw new NotFoundError(
        `${section}: ${path} has no static probe ${provider}:${probe}; it has ${names || 'none'}`,
      );
    }
    return found.map(({ args, offset, semaphore, address }) => ({
      path,
      offset,
      referenceCounter: semaphore,
      args: parseUsdtArguments(args, machine),
      addresses: (pid) => {
        if (type === ET.EXEC) return [BigInt(address)];
        if (pid !== undefined) return addressesOf(pid, path, offset);
        throw new RequirementError(
          `${section}: before Linux 5.15 a static probe of code that can be anywhere is attached to one process: attach it with { pid }`,
        );
      },
    }));
  });
