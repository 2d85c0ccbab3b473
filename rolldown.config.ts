/**
 * The JavaScript of the package. `tsc -p tsconfig.build.json` writes the types beside it.
 */
import { chmodSync, readFileSync } from 'node:fs';
import { defineConfig, type RolldownOptions } from 'rolldown';

const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
};

/** What package.json exports, each from its source: `asm/index` is src/asm/index.ts and becomes dist/asm/index.js. */
const entries = Object.values(exports)
  .flatMap((entry) => (typeof entry === 'string' ? [] : [entry.default]))
  .map((file) => file.replace(/^\.\/dist\/(.*)\.js$/, '$1'));

const sourcesOf = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, `src/${name}.ts`]));

const common = {
  platform: 'node',
  external: ['koffi', 'vitest', /^node:/],
  // `using` is a syntax error before Node 24; without a target it would be left as it is.
  transform: { target: 'node20' },
} satisfies RolldownOptions;

/** What --help needs, apart from what runs tools and commands. */
const help = {
  name: 'help',
  test: /src\/cli\/(compiled|errors|printable|readers|summaries)/,
  priority: 1,
};

/** All of the command but its start, and --simulate with its machine and its packets, which most runs do without. */
const tool = {
  name: 'tool',
  test: /src\/(?!cli\/(main|version|simulate|recordings)|sim\/|object\/contexts)/,
};

/** What few runs need, which is loaded when it is first asked for (cli/compiled.ts): explanations, and files of code. */
const rare = {
  name: 'tool-rare',
  test: /src\/(verifier|elf)\//,
  priority: 1,
  includeDependenciesRecursively: false,
};

/** What users import, and the commands that load what users write. */
const modules = {
  ...common,
  input: sourcesOf([...entries, 'cli/commands']),
  output: {
    dir: 'dist',
    cleanDir: true,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name].js',
    // A few files instead of many: Node takes longer to load a file than to parse it. The pure rooms stay apart from
    // those that need Node.
    codeSplitting: {
      groups: [
        help,
        { name: 'pure', test: /src\/(layout|asm|btf|object|elf|sim|verifier)\// },
        { name: 'linux', test: /src\/(syscall|kernel)\// },
        { name: 'programs', test: /src\/programs\// },
        { name: 'run', test: /src\/cli\/(run-|stop|options|printer|tool)/ },
      ],
    },
    // With the sources in them: a verifier error shows lines of TypeScript from the installed package as well.
    sourcemap: true,
  },
} satisfies RolldownOptions;

/**
 * The command and its tools, with what they need and nothing else, as CommonJS: a tool is attached 8 ms sooner than
 * from modules, of which Node takes 5 for the first and some for each.
 */
const command = {
  ...common,
  input: sourcesOf(['cli/main']),
  // A file apart from what it depends on, as `rare` is, asks for it.
  preserveEntrySignatures: 'allow-extension',
  plugins: [
    {
      name: 'commands are modules',
      resolveId: (id) => (id === './commands.ts' ? { id: './commands.js', external: true } : null),
    },
    {
      name: 'executable',
      writeBundle: ({ dir }) => chmodSync(`${dir}/cli/main.cjs`, 0o755),
    },
  ],
  output: {
    dir: 'dist',
    cleanDir: false,
    format: 'cjs',
    entryFileNames: '[name].cjs',
    // Beside main.cjs, so that cli/version.ts finds package.json two folders above itself, as in the sources.
    // The name changes with the content, since compiled code is kept beside it (cli/compiled.ts).
    chunkFileNames: ({ name }) =>
      name.startsWith('tool') ? 'cli/[name]-[hash].cjs' : 'cli/[name].cjs',
    codeSplitting: { groups: [help, rare, tool] },
    // Half the time until a tool is attached is spent on reading this; its map still leads to lines of TypeScript.
    minify: true,
    sourcemap: true,
  },
} satisfies RolldownOptions;

export default defineConfig([modules, command]);
