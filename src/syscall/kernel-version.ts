/**
 * The version of the running kernel, as LINUX_VERSION_CODE counts it.
 *
 * Ubuntu and Debian keep the stable release that they are built from out of uname's release: 5.10.0-28 is
 * 5.10.209. What they say elsewhere wins, as in libbpf's get_kernel_version (src/libbpf_probes.c).
 *
 *     kernelVersion().release; // '6.18.44'
 * @module
 */

import { readFileSync } from 'node:fs';
import { release, version } from 'node:os';

export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** The whole of uname's release: `5.10.0-28-cloud-amd64`. */
  readonly release: string;
  /** LINUX_VERSION_CODE: 8 bits each, the last one capped at 255. */
  readonly code: number;
}

let running: KernelVersion | undefined;

export function kernelVersion(): KernelVersion {
  running ??= parseKernelVersion(release(), version(), ubuntuSignature());
  return running;
}

/** From `uname -r`, `uname -v`, and /proc/version_signature where there is one. */
export function parseKernelVersion(release: string, version = '', signature = ''): KernelVersion {
  const [, major = 0, minor = 0, patch = 0] = (
    /^Ubuntu \S+ (\d+)\.(\d+)\.(\d+)/.exec(signature) ??
    /Debian (\d+)\.(\d+)\.(\d+)/.exec(version) ??
    /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release) ??
    []
  ).map(Number);
  const last = Number.isNaN(patch) ? 0 : patch;
  return { major, minor, patch: last, release, code: versionCode(major, minor, last) };
}

/** KERNEL_VERSION(major, minor, patch) of include/generated/uapi/linux/version.h. */
export function versionCode(major: number, minor: number, patch = 0): number {
  return major * 65536 + minor * 256 + Math.min(patch, 255);
}

/** Is the kernel, by default the running one, at least `version`, such as `5.11`? */
export function isAtLeast(version: string, kernel = kernelVersion()): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return kernel.code >= versionCode(major, minor);
}

function ubuntuSignature(): string {
  try {
    return readFileSync('/proc/version_signature', 'utf8');
  } catch {
    return '';
  }
}
