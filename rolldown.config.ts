/**
 * The JavaScript of the package. `tsc -p tsconfig.build.json` writes the types beside it.
 */
import { chmodSync, readFileSync } from 'node:fs';
import { defineConfig } from 'rolldown';

const { bin, exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
};

/** What package.json promises, each from its source: `cli/main` is src/cli/main.ts and becomes dist/cli/main.js. */
const entries = [
  ...Object.values(bin),
  ...Object.values(exports).flatMap((entry) => (typeof entry === 'string' ? [] : [entry.default])),
].map((file) => file.replace(/^\.\/dist\/(.*)\.js$/, '$1'));

export default defineConfig({
  input: Object.fromEntries(entries.map((name) => [name, `src/${name}.ts`])),
  platform: 'node',
  external: ['koffi', /^node:/],
  // `using` is a syntax error before Node 24; without a target it would be left as it is.
  transform: { target: 'node20' },
  plugins: [
    {
      name: 'executable',
      writeBundle({ dir }, files) {
        for (const file of Object.values(bin)) {
          const name = file.replace('./dist/', '');
          if (name in files) chmodSync(`${dir}/${name}`, 0o755);
        }
      },
    },
  ],
  output: {
    dir: 'dist',
    cleanDir: true,
    format: 'esm',
    entryFileNames: '[name].js',
    // One folder deep, as src/cli is: cli/version.ts finds package.json two folders above itself in both.
    chunkFileNames: 'chunks/[name].js',
    // Three files instead of twenty on the way to a running tool: Node takes longer to load a file than to parse it.
    // The pure rooms stay apart from those that need Node, and what --help needs from both.
    codeSplitting: {
      groups: [
        { name: 'help', test: /src\/cli\/(errors|printable|summaries|pipe)/, priority: 1 },
        { name: 'pure', test: /src\/(layout|asm|btf|object|elf|verifier)\// },
        { name: 'linux', test: /src\/(syscall|kernel)\// },
        { name: 'tools', test: /src\/(programs\/|cli\/(run-|stop|options|printer|tool))/ },
      ],
    },
    // With the sources in them: a verifier error shows lines of TypeScript from the installed package as well.
    sourcemap: true,
  },
});
