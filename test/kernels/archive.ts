/**
 * cpio archives of the "new ASCII format", which the kernel unpacks as its first file system
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Archives concatenate.
 */

export type Entry =
  | { readonly path: string; readonly kind: 'directory' }
  | { readonly path: string; readonly kind: 'link'; readonly target: string }
  | {
      readonly path: string;
      readonly kind: 'file';
      readonly data: Uint8Array;
      readonly executable?: boolean;
    };

/** The archive of these entries. The directories above each are added. */
export const archive = (entries: readonly Entry[]): Uint8Array => {
  const parts: Uint8Array[] = [];
  let size = 0;
  const push = (part: Uint8Array) => {
    parts.push(part);
    const padding = -(size + part.length) & 3;
    parts.push(new Uint8Array(padding));
    size += part.length + padding;
  };
  const record = (path: string, mode: number, data: Uint8Array, inode: number) => {
    const name = Buffer.from(`${path}\0`);
    // inode, mode, uid, gid, links, mtime, size, device twice, number of a device twice, size of the name, checksum
    const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
    push(Buffer.concat([Buffer.from(header), name]));
    push(data);
  };
  [...withParents(entries).values()].forEach((entry, index) => {
    const inode = index + 1;
    if (entry.kind === 'directory') record(entry.path, 0o040755, new Uint8Array(), inode);
    else if (entry.kind === 'link') record(entry.path, 0o120777, Buffer.from(entry.target), inode);
    else record(entry.path, entry.executable ? 0o100755 : 0o100644, entry.data, inode);
  });
  record('TRAILER!!!', 0, new Uint8Array(), 0);
  return Buffer.concat(parts);
};

const withParents = (entries: readonly Entry[]): ReadonlyMap<string, Entry> => {
  const all = new Map<string, Entry>();
  for (const entry of entries) {
    const names = entry.path.split('/');
    for (let depth = 1; depth < names.length; depth++) {
      const path = names.slice(0, depth).join('/');
      if (!all.has(path)) all.set(path, { path, kind: 'directory' });
    }
    all.set(entry.path, entry);
  }
  return all;
};
