/**
 * @module
 * Objects that users wrote: a module of JavaScript or TypeScript which exports an ObjectSpec, or a function that
 * returns one.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ObjectSpec } from '../object/index.ts';
import type { Tool } from '../programs/tool.ts';

/**
 * The object that a module exports: under `name`, or as its default, or as the only one. Throws an error of one
 * sentence that names the file.
 */
export const importObject = async (file: string, name?: string): Promise<ObjectSpec> => {
  if (!existsSync(file)) throw new Error(`there is no file ${file}`);
  const exported = await importModule(file);
  const wanted = name ?? (Object.hasOwn(exported, 'default') ? 'default' : undefined);
  if (wanted !== undefined) {
    const found = Object.hasOwn(exported, wanted) ? specOf(exported[wanted]) : undefined;
    if (found) return found;
    throw new Error(
      `${file} ${Object.hasOwn(exported, wanted) ? `exports ${wanted}, which is` : `has no export ${wanted},`} no object() and no function that returns one${among(exported)}`,
    );
  }
  const specs = Object.entries(exported).filter(([, value]) => isSpec(value));
  if (specs.length === 1) return specs[0]![1] as ObjectSpec;
  throw new Error(
    `${file} has no default export${specs.length === 0 ? '' : `, and ${specs.length} objects`}: say which with --export NAME${among(exported)}`,
  );
};

/** As `importObject`, or the tool that a module exports as its default or as the only one. */
export const importRunnable = async (file: string): Promise<ObjectSpec | Tool> => {
  if (existsSync(file)) {
    const exported = await importModule(file);
    const tools = Object.values(exported).filter(isTool);
    if (isTool(exported.default)) return exported.default;
    if (tools.length === 1) return tools[0]!;
  }
  return importObject(file);
};

const isTool = (value: unknown): value is Tool =>
  typeof value === 'object' &&
  value !== null &&
  'output' in value &&
  'object' in value &&
  typeof value.object === 'function';

const among = (exported: object): string => {
  const names = Object.keys(exported);
  return names.length === 0 ? '; it exports nothing' : `; it exports ${names.join(', ')}`;
};

const importModule = async (file: string): Promise<Readonly<Record<string, unknown>>> => {
  try {
    return await import(pathToFileURL(resolve(file)).href);
  } catch (error) {
    // A module can throw anything.
    const { code, message = String(error) } = (error ?? {}) as NodeJS.ErrnoException;
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?ts\b/.test(message))
      throw new Error(
        `Node ${process.versions.node} does not load TypeScript (${file}): use Node 22.18 or newer, or \`npm install tsx\` and NODE_OPTIONS='--import tsx'`,
        { cause: error },
      );
    throw new Error(`cannot load ${file}: ${message}`, { cause: error });
  }
};

const specOf = (value: unknown): ObjectSpec | undefined => {
  const result = typeof value === 'function' ? value() : value;
  return isSpec(result) ? result : undefined;
};

const isSpec = (value: unknown): value is ObjectSpec =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'object';
