/**
 * @module
 * How the tools are loaded: what few runs need is loaded when it is first asked for, and the rest as it was compiled.
 *
 * Keeps what V8 compiled of the tools beside the file that it was compiled from, as Python does: from the second time
 * on a tool is attached in half the time. V8 checks that such code is of its own version and settings, and compiles
 * anew where it is not. `NODE_DISABLE_COMPILE_CACHE=1`, as for Node's own cache, leaves all this out.
 */
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { constants, Script } from 'node:vm';

/** V8 forgets what a program has long not used. */
const LONGEST_SECONDS = 60;

/** As Node begins a CommonJS module. */
const HEAD = '(function (exports, require, module, __filename, __dirname) {';

type ModuleFunction = (
  exports: unknown,
  require: NodeJS.Require,
  module: NodeJS.Module,
  filename: string,
  dirname: string,
) => void;

/** What is to be kept, and where: of each file for which it is not there already. */
const fresh = new Map<string, Script>();

/** From now on, the tools are loaded as they were kept by a run of this one. */
export const useCompiled = (tool: string): void => {
  const here = import.meta.filename;
  // The sources are not compiled to CommonJS.
  if (!here.endsWith('.cjs') || process.env.NODE_DISABLE_COMPILE_CACHE) return;
  const { extensions } = createRequire(here);
  extensions['.cjs'] = (module, file) => {
    if (!basename(file).startsWith('tool-')) return extensions['.js']!(module, file);
    const kept = `${file.slice(0, -'.cjs'.length)}.${tool}-${process.version}-${process.arch}.cache`;
    const script = new Script(`${HEAD}${readFileSync(file, 'latin1')}\n})`, {
      filename: file,
      columnOffset: -HEAD.length,
      cachedData: wholeOf(kept),
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    });
    if (script.cachedDataRejected !== false) fresh.set(kept, script);
    const run = script.runInThisContext() as ModuleFunction;
    run(module.exports, lazily(createRequire(file)), module, file, dirname(file));
  };
};

/** What few runs need (rolldown.config.ts) is loaded when something of it is first asked for. */
const lazily = (require: NodeJS.Require): NodeJS.Require =>
  Object.assign(
    (id: string) =>
      id.startsWith('./tool-rare-')
        ? new Proxy({}, { get: (_, name) => require(id)[name] })
        : require(id),
    require,
  );

/** Keeps what was compiled, if it was; for the end of a run, when all that a tool needs has been. */
export const keepCompiled = (): void => {
  if (fresh.size === 0 || process.uptime() > LONGEST_SECONDS) return;
  quietly(() => removeUnfinished(dirname(import.meta.filename)));
  for (const [file, script] of fresh) keep(file, script);
  fresh.clear();
};

const keep = (file: string, script: Script): void => {
  const unfinished = `${file}-${process.pid}`;
  // A package that this user may only read, or a full disk: it works without.
  quietly(() => {
    const data = script.createCachedData();
    writeFileSync(unfinished, Buffer.concat([data, data]));
    renameSync(unfinished, file);
  });
  quietly(() => unlinkSync(unfinished));
};

const quietly = (run: () => void): void => {
  try {
    run();
  } catch {
    // Nothing depends on it.
  }
};

/** What runs that were killed have left. */
const removeUnfinished = (directory: string): void => {
  for (const name of readdirSync(directory)) {
    const [, pid] = /\.cache-(\d+)$/.exec(name) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) unlinkSync(join(directory, name));
  }
};

/**
 * What was kept, unless it is damaged, by a loss of power or a bad disk: V8 does not look for that, and crashes of it. So
 * it is there twice, since two halves are compared in a tenth of the time of a checksum.
 */
const wholeOf = (file: string): Buffer | undefined => {
  try {
    const twice = readFileSync(file);
    const half = twice.subarray(0, twice.length / 2);
    return half.equals(twice.subarray(half.length)) ? half : undefined;
  } catch {
    return undefined;
  }
};
