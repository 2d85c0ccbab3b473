/**
 * The first and only file system of a machine: busybox, the C library, Node, the package as it is published, and the
 * checks with what they need.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { archive, type Entry } from './archive.ts';
import type { Architecture } from './machines.ts';
import { fetching, type Repository } from './repository.ts';

/** A file of the machine, with what `from` holds. */
export const file = (path: string, from: string, executable = false): Entry => ({
  path,
  kind: 'file',
  data: readFileSync(from),
  executable,
});

/** Every file below a directory, as `path/…`. Links are followed. */
export const tree = (path: string, directory: string): readonly Entry[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(directory, name)).isFile())
    .map((name) => file(`${path}/${name}`, join(directory, name)));

/** What the script init.sh and the checks call. */
const APPLETS =
  'cat dmesg insmod ip ln ls mkdir mount poweroff rmmod sh sleep tail true umount xzcat'.split(' ');
const LIBRARIES = /^(ld-linux-.*|lib(c|m|dl|pthread|rt|stdc\+\+|gcc_s|atomic)\.so\.\d+)$/;
const LOADERS = {
  amd64: 'lib64/ld-linux-x86-64.so.2',
  arm64: 'lib/ld-linux-aarch64.so.1',
} as const satisfies Record<Architecture, string>;
/** As Node names them, and npm. */
export const NODE_ARCHITECTURES = { amd64: 'x64', arm64: 'arm64' } as const;

/** What is the same for every kernel of an architecture. */
export const userland = async (
  repository: Repository,
  architecture: Architecture,
  { node }: { readonly node: string },
): Promise<Uint8Array> => {
  const unpacked = async (name: string) => {
    const directory = await repository.unpacked(name);
    return readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((each) =>
      join(directory, each),
    );
  };
  const busybox = (await unpacked('busybox-static')).find((each) => each.endsWith('bin/busybox'))!;
  const entries: Entry[] = [
    file('init', join(import.meta.dirname, 'init.sh'), true),
    file('bin/busybox', busybox, true),
    ...APPLETS.map((name): Entry => ({ path: `bin/${name}`, kind: 'link', target: 'busybox' })),
    file('bin/node', node, true),
    ...['dev', 'proc', 'root', 'sys', 'tmp'].map((path): Entry => ({ path, kind: 'directory' })),
  ];
  for (const name of ['libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1']) {
    for (const path of await unpacked(name)) {
      if (!LIBRARIES.test(basename(path)) || /gconv|debug/.test(path)) continue;
      const isLoader = basename(path) === basename(LOADERS[architecture]);
      entries.push(file(isLoader ? LOADERS[architecture] : `lib/${basename(path)}`, path, true));
    }
  }
  return archive(entries);
};

/** What npm has for another architecture, unpacked below `cache`: the directory of the package. */
export const npmPackage = async (cache: string, name: string, version: string): Promise<string> => {
  const directory = join(cache, 'npm', `${name.replaceAll('/', '-')}-${version}`);
  if (existsSync(directory)) return directory;
  const scratch = `${directory}.part`;
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  await fetching('npm', ['pack', `${name}@${version}`, '--silent'], scratch);
  const packed = readdirSync(scratch).find((each) => each.endsWith('.tgz'))!;
  execFileSync('tar', ['-xzf', packed, '--strip-components=1'], { cwd: scratch });
  rmSync(join(scratch, packed));
  renameSync(scratch, directory);
  return directory;
};

/** The kernel of a suite: its image, its configuration, and the directory of its modules. */
export const kernelOf = async (
  repository: Repository,
  architecture: Architecture,
): Promise<{
  readonly image: string;
  readonly configuration: string;
  readonly modules: string;
}> => {
  // The package of no version leads to one of a version, and that, on sid, to those that hold something.
  const names = [`linux-image-cloud-${architecture}`];
  for (const name of names) {
    for (const each of await repository.dependencies(name))
      if (/^linux-(image|binary|modules|base)-\d/.test(each) && !names.includes(each))
        names.push(each);
  }
  const directories = await Promise.all(names.slice(1).map((name) => repository.unpacked(name)));
  const files = directories.flatMap((directory) =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((each) =>
      join(directory, each),
    ),
  );
  const image = files.find((each) => /\/vmlinuz[^/]*$/.test(each));
  const modules = files.find((each) => /\/lib\/modules\/[^/]+\/kernel$/.test(each));
  const configuration = files.find((each) => /\/config(-[^/]*)?$/.test(each));
  if (!image || !configuration || !modules)
    throw new Error(`no kernel, no configuration or no modules in ${names.join(', ')}`);
  return { image, configuration, modules };
};

/** The modules that checks insert, where the kernel has them, beside the checks. */
export const chosenModules = (modules: string, names: readonly string[]): readonly Entry[] =>
  readdirSync(modules, { recursive: true, encoding: 'utf8' })
    .filter(
      (path) =>
        names.includes(basename(path).replace(/\.ko(\.xz)?$/, '')) && /\.ko(\.xz)?$/.test(path),
    )
    .map((path) => file(`project/modules/${basename(path)}`, join(modules, path)));
