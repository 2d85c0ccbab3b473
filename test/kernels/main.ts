/**
 * Runs the checks on real kernels: `npm run test:kernels [-- NAME...]`, as `npm run test:kernels -- 6.1 arm64`. Without names all
 * of them, which also writes docs/kernels.md. `--report FILE` writes the counts, `--jobs N` runs so many at a time,
 * `--only GROUP` leaves the others out (tools, attaching, features, objects), `--verbose` tells what each check came to.
 *
 * Kernels and the like are kept in $BEESPOKE_KERNELS, else below $XDG_CACHE_HOME, else below /var/cache.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { rolldown } from 'rolldown';
import { build, root } from '../package/built.ts';
import { noBpf } from '../syscall/support.ts';
import { archive, type Entry } from './archive.ts';
import { boot, endMachines } from './emulator.ts';
import {
  chosenModules,
  file,
  kernelOf,
  NODE_ARCHITECTURES,
  npmPackage,
  tree,
  userland,
} from './initramfs.ts';
import type { Result } from './inside/check.ts';
import { type Architecture, EMULATORS, HERE, MACHINES, type Machine } from './machines.ts';
import { type Outcome, page, summary, vitestReport } from './report.ts';
import { Repository, Unavailable } from './repository.ts';

/** The suite whose C library and busybox the machines have: it runs on all of the kernels. */
const USERLAND = 'trixie';
const MODULES = ['dummy', 'veth', 'sch_ingress', 'cls_bpf', 'act_bpf'];
/** Ends a machine that hangs. It takes a tenth of it where nothing else runs. */
const LIMIT_S = 1200;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    report: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    only: { type: 'string', multiple: true, default: [] },
    verbose: { type: 'boolean', default: false },
  },
});
const names = [HERE, ...MACHINES.map(({ name }) => name)];
const unknown = positionals.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`there is no kernel ${unknown.join(', ')}: ${names.join(', ')}`);
  process.exit(2);
}
const wanted = positionals.length > 0 ? positionals : names;

const cache =
  process.env.BEESPOKE_KERNELS ??
  join(process.env.XDG_CACHE_HOME ?? '/var/cache', 'beespoke-kernels');
const scratch = mkdtempSync(join(tmpdir(), 'kernels-'));
process.on('exit', () => {
  endMachines();
  rmSync(scratch, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => process.exit(130));

/** Collects what the checks say on their output. */
class Listener {
  readonly results: Result[] = [];
  readonly machine: string;
  kernel: string | undefined;
  architecture: string | undefined;
  done = false;
  /** The last of what else was said. */
  readonly other: string[] = [];

  constructor(machine: string) {
    this.machine = machine;
  }

  readonly hear = (line: string): void => {
    // The kernel may have begun the line.
    const [, json] = /@ (\{.*\})\s*$/.exec(line) ?? [];
    if (json === undefined) {
      if (line.trim() !== '') this.other.push(line);
      return;
    }
    const message = JSON.parse(json);
    if (message.done) this.done = true;
    else if (message.kernel) Object.assign(this, message);
    else {
      this.results.push(message);
      const { group, name, verdict, note } = message as Result;
      if (values.verbose || verdict === 'failed')
        console.log(`${this.machine}: ${verdict}: ${group}: ${name}: ${note}`);
    }
  };

  /** @param reason why it ended early, where that is known */
  outcome(reason?: string): Outcome {
    const { machine, kernel, architecture, results, done, other } = this;
    const broken = done
      ? undefined
      : `it did not come to its end${reason ? `: ${reason}` : ''}: ${other.slice(-40).join('\n    ')}`;
    return { machine, kernel, architecture, results, broken };
  }
}

/** The checks as one file, and what lies beside it on every machine. */
const project = async (): Promise<readonly Entry[]> => {
  const bundle = await rolldown({
    input: join(import.meta.dirname, 'inside/main.ts'),
    platform: 'node',
    external: ['koffi', /^node:/],
    transform: { target: 'node20' },
  });
  const directory = join(scratch, 'project');
  mkdirSync(directory);
  await bundle.write({
    file: join(directory, 'checks.mjs'),
    format: 'esm',
    codeSplitting: false,
    sourcemap: true,
  });
  const built = build();
  try {
    const objects = join(root, 'test/objects');
    return [
      ...tree('project', directory),
      ...tree('project/dist', join(built.directory, 'dist')),
      ...[
        'package.json',
        'test/kernel/attach-usdt.bpf.o',
        ...readdirSync(objects)
          .filter((name) => name.endsWith('.o'))
          .map((name) => `test/objects/${name}`),
      ].map(
        (path): Entry => ({
          path: `project/${basename(path)}`,
          kind: 'file',
          data: readFileSync(join(root, path)),
        }),
      ),
    ];
  } finally {
    built.remove();
  }
};

/** libbpf's part in the checks, with libbpf in it: the machines have the C library alone. */
const judge = (): Entry | undefined => {
  const file = join(scratch, 'judge');
  const source = join(root, 'test/objects/judge.c');
  const libraries = ['-Wl,-Bstatic', '-lbpf', '-lelf', '-lz', '-Wl,-Bdynamic'];
  const { status } = spawnSync('cc', ['-O1', source, '-o', file, ...libraries]);
  if (status === 0)
    return { path: 'project/judge', kind: 'file', data: readFileSync(file), executable: true };
  console.log('without libbpf beside us: there is no C compiler, or no libbpf-dev');
  return undefined;
};

const parts = await project();
const judged = judge();
const koffiVersion = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).dependencies
  .koffi;

const repositories = new Map<string, Repository>();
const repositoryOf = (suite: string, architecture: Architecture): Repository => {
  const key = `${suite} ${architecture}`;
  const repository = repositories.get(key) ?? new Repository(cache, suite, architecture);
  repositories.set(key, repository);
  return repository;
};

const known: Partial<Record<Architecture, Promise<Uint8Array>>> = {};
/** What depends on the architecture alone. */
const common = (architecture: Architecture): Promise<Uint8Array> => {
  known[architecture] ??= make();
  return known[architecture];

  async function make() {
    const name = NODE_ARCHITECTURES[architecture];
    const isOurs = name === process.arch;
    const node = isOurs
      ? process.execPath
      : join(await npmPackage(cache, `node-linux-${name}`, '20'), 'bin/node');
    const koffi = `@koromix/koffi-linux-${name}`;
    const binary = isOurs
      ? join(root, 'node_modules', koffi)
      : await npmPackage(cache, koffi, koffiVersion);
    return Buffer.concat([
      await userland(repositoryOf(USERLAND, architecture), architecture, { node }),
      archive([
        ...parts,
        ...tree(`project/node_modules/${koffi}`, binary),
        ...(judged && isOurs ? [judged] : []),
      ]),
    ]);
  }
};

/** Under emulation a packet takes its time. */
const COMMAND = `NO_COLOR=1 BEESPOKE_PATIENCE=1000 node checks.mjs machine ${values.only.join(' ')}\n`;

/** Boots a kernel and runs the checks on it. */
const onMachine = async ({ name, suite, architecture }: Machine): Promise<Outcome> => {
  const { command, package: from } = EMULATORS[architecture];
  if (spawnSync(command, ['--version']).error)
    return { machine: name, results: [], skipped: `there is no ${command}: install ${from}` };
  const initramfs = join(scratch, `initramfs-${name}`);
  let image: string;
  try {
    const kernel = await kernelOf(repositoryOf(suite, architecture), architecture);
    image = kernel.image;
    const own = archive([
      ...chosenModules(kernel.modules, MODULES),
      // Where the distribution has it; the kernel itself does not tell.
      file(`boot/config-${basename(dirname(kernel.modules))}`, kernel.configuration),
      { path: 'command', kind: 'file', data: Buffer.from(COMMAND) },
    ]);
    writeFileSync(initramfs, Buffer.concat([await common(architecture), own]));
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return { machine: name, results: [], skipped: `it cannot be fetched: ${error.message}` };
  }
  const listener = new Listener(name);
  const reason = await boot({
    architecture,
    image,
    initramfs,
    seconds: LIMIT_S,
    onLine: listener.hear,
  });
  rmSync(initramfs);
  return listener.outcome(reason);
};

const noNetwork = (): string | undefined =>
  spawnSync('unshare', ['-n', 'true']).status === 0 ? undefined : 'unshare -n does not work here';

/** Runs the checks on the kernel that is here. */
const here = async (): Promise<Outcome> => {
  const skipped = noBpf ?? noNetwork();
  if (skipped) return { machine: HERE, results: [], skipped };
  const directory = join(scratch, 'here');
  for (const entry of parts) {
    if (entry.kind !== 'file') continue;
    const path = join(directory, entry.path);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, entry.data);
  }
  const folder = join(directory, 'project');
  if (judged?.kind === 'file') {
    writeFileSync(join(folder, 'judge'), judged.data);
    chmodSync(join(folder, 'judge'), 0o755);
  }
  execFileSync('ln', ['-s', join(root, 'node_modules'), join(folder, 'node_modules')]);
  const listener = new Listener(HERE);
  // In a network of its own: what is attached there concerns nobody else.
  const command = ['-n', process.execPath, join(folder, 'checks.mjs'), HERE, ...values.only];
  const child = spawn('unshare', command, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr.on('data', (data) => listener.other.push(String(data)));
  createInterface({ input: child.stdout }).on('line', listener.hear);
  process.on('exit', () => child.kill('SIGKILL'));
  await new Promise((resolve) => child.on('close', resolve));
  return listener.outcome();
};

const run = async (name: string): Promise<Outcome> => {
  const started = Date.now();
  const machine = MACHINES.find((each) => each.name === name);
  const outcome = await (machine ? onMachine(machine) : here()).catch(
    (error: Error): Outcome => ({ machine: name, results: [], broken: error.message }),
  );
  console.log(
    `${name}: ${outcome.skipped ?? outcome.broken ?? `${outcome.results.length} checks`}, ${Math.round((Date.now() - started) / 1000)} s`,
  );
  return outcome;
};

// From the last on: arm64 takes longest, and is not to be what all wait for.
const waiting = wanted.toReversed();
const finished = new Map<string, Outcome>();
await Promise.all(
  Array.from({ length: Math.max(1, Number(values.jobs)) }, async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift())
      finished.set(name, await run(name));
  }),
);
const outcomes = names.flatMap((name) => finished.get(name) ?? []);
console.log(`\n${summary(outcomes).join('\n')}`);
if (
  outcomes.length === names.length &&
  values.only.length === 0 &&
  outcomes.every(({ skipped, broken }) => !skipped && !broken)
)
  writeFileSync(join(root, 'docs/kernels.md'), page(outcomes));
if (values.report !== undefined)
  writeFileSync(values.report, JSON.stringify(vitestReport(outcomes)));
process.exit(
  outcomes.some(
    ({ broken, results }) => broken || results.some(({ verdict }) => verdict === 'failed'),
  )
    ? 1
    : 0,
);
