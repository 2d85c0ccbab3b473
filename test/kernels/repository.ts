/**
 * Packages of one suite of Debian, fetched by apt-get with lists and archives of its own: the system's stay as they
 * are. What has been fetched is kept, and used again while the suite has no newer version.
 */
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Architecture } from './machines.ts';

const run = promisify(execFile);
const KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** Lists older than this are fetched again, if that is possible. */
const FRESH_MS = 24 * 3600 * 1000;

/** Something could not be fetched: there is no network, no mirror, no apt-get. */
export class Unavailable extends Error {}

/** What a command that fetches something printed. Throws an {@link Unavailable} with its first complaint. */
export const fetching = async (
  command: string,
  args: readonly string[],
  cwd?: string,
): Promise<string> => {
  try {
    const { stdout } = await run(command, args, { cwd, maxBuffer: 1 << 26 });
    return stdout;
  } catch (error) {
    const { stderr = '', message } = error as Error & { readonly stderr?: string };
    throw new Unavailable(/^(?:E:|npm error) .*$/m.exec(stderr)?.[0] ?? message, { cause: error });
  }
};

export class Repository {
  readonly #directory: string;
  readonly #suite: string;
  readonly #architecture: Architecture;
  #updated: Promise<void> | undefined;

  /** @param cache a directory that is kept between runs */
  constructor(cache: string, suite: string, architecture: Architecture) {
    this.#directory = join(cache, `${suite}-${architecture}`);
    this.#suite = suite;
    this.#architecture = architecture;
  }

  /** The packages that a package depends on, without alternatives and suggestions. */
  async dependencies(name: string): Promise<readonly string[]> {
    await this.#update();
    const found = await this.#apt('apt-cache', 'depends', '--important', name);
    return [...found.matchAll(/^ {2}(?:Pre)?Depends: ([^<\s]+)$/gm)].map(([, each]) => each!);
  }

  /** Fetches a package and resolves to the directory that it has been unpacked in. */
  async unpacked(name: string): Promise<string> {
    await this.#update();
    const about = await this.#apt('apt-cache', 'show', '--no-all-versions', name);
    const version = /^Version: (.*)$/m.exec(about)![1]!.replaceAll(/[^\w.+~-]/g, '_');
    const parent = join(this.#directory, 'packages', name);
    const directory = join(parent, version);
    if (existsSync(directory)) return directory;
    // Of a package only the newest is kept.
    rmSync(parent, { recursive: true, force: true });
    const scratch = join(this.#directory, `fetched-${name}`);
    rmSync(scratch, { recursive: true, force: true });
    mkdirSync(scratch, { recursive: true });
    mkdirSync(parent, { recursive: true });
    try {
      await this.#apt('apt-get', 'download', name, { cwd: scratch });
      const file = readdirSync(scratch).find((each) => each.endsWith('.deb'))!;
      // What is half unpacked must not be taken for the whole.
      await run('dpkg', ['-x', join(scratch, file), join(scratch, 'files')]);
      await run('mv', [join(scratch, 'files'), directory]);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
    return directory;
  }

  #update(): Promise<void> {
    this.#updated ??= this.#fetchLists();
    return this.#updated;
  }

  async #fetchLists(): Promise<void> {
    const stamp = join(this.#directory, 'updated');
    if (existsSync(stamp) && Date.now() - statSync(stamp).mtimeMs < FRESH_MS) return;
    for (const each of ['lists/partial', 'cache/archives/partial'])
      mkdirSync(join(this.#directory, each), { recursive: true });
    const options = [`arch=${this.#architecture}`, existsSync(KEYS) && `signed-by=${KEYS}`];
    writeFileSync(
      join(this.#directory, 'sources.list'),
      `deb [${options.filter(Boolean).join(' ')}] ${mirror()} ${this.#suite} main\n`,
    );
    try {
      await this.#apt('apt-get', 'update', '-o', 'APT::Update::Error-Mode=any');
      writeFileSync(stamp, '');
    } catch (error) {
      // Old lists will do.
      if (!existsSync(stamp)) throw error;
    }
  }

  #apt(command: string, ...rest: readonly (string | { readonly cwd: string })[]) {
    const args = rest.filter((each) => typeof each === 'string');
    const cwd = rest.find((each) => typeof each === 'object')?.cwd;
    const of = (name: string) => join(this.#directory, name);
    const options = [
      `Dir::Etc::SourceList=${of('sources.list')}`,
      'Dir::Etc::SourceParts=/dev/null',
      `Dir::State::Lists=${of('lists')}`,
      `Dir::Cache=${of('cache')}`,
      `APT::Architecture=${this.#architecture}`,
      `APT::Architectures=${this.#architecture}`,
      // The user _apt cannot write to the cache.
      'APT::Sandbox::User=root',
    ];
    return fetching(command, ['-q', ...options.flatMap((each) => ['-o', each]), ...args], cwd);
  }
}

/** The first mirror of Debian in the system's own sources. Throws an {@link Unavailable} where there is none. */
const mirror = (): string => {
  const folder = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(folder) ? readdirSync(folder).map((each) => join(folder, each)) : []),
  ];
  for (const file of files) {
    if (!existsSync(file)) continue;
    const [found] = readFileSync(file, 'utf8').match(/https?:\S+\/debian\/?(?=\s)/) ?? [];
    if (found) return found;
  }
  throw new Unavailable('the sources of apt name no mirror of Debian');
};
