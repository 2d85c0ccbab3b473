import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  findMount,
  hasEventNamed,
  parseFormat,
  tracefs,
  tracepointFormat,
  tracepointId,
} from '../../src/kernel/tracefs.ts';
import { fixture, thrown } from './object-support.ts';

const missing = (() => {
  try {
    tracefs();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
})();
const live = (title: string) => (missing ? `${title} (skipped: ${missing})` : title);

describe('the format file of a tracepoint', () => {
  it('has the name, place, size and sign of each field', () => {
    const text = `name: sched_process_exec
ID: 318
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:__data_loc char[] filename;	offset:8;	size:4;	signed:0;
	field:pid_t pid;	offset:12;	size:4;	signed:1;
	field:char comm[16];	offset:16;	size:16;	signed:0;
	field:const char * name;	offset:32;	size:8;	signed:0;
	field:unsigned long args[6];	offset:40;	size:48;	signed:0;
	field:__u8 macs[2][6];	offset:88;	size:12;	signed:0;
	field:int old_style;	offset:100;	size:4;

print fmt: "filename=%s pid=%d", __get_str(filename), REC->pid
`;
    expect(
      parseFormat(text).map(({ name, offset, size, signed }) => [name, offset, size, signed]),
    ).toEqual([
      ['common_type', 0, 2, false],
      ['common_pid', 4, 4, true],
      ['filename', 8, 4, false],
      ['pid', 12, 4, true],
      ['comm', 16, 16, false],
      ['name', 32, 8, false],
      ['args', 40, 48, false],
      ['macs', 88, 12, false],
      ['old_style', 100, 4, false],
    ]);
    expect(parseFormat(text)[2]!.declaration).toBe('__data_loc char[] filename');
  });

  it('is nothing when it is empty', () => {
    expect(parseFormat('')).toEqual([]);
  });
});

describe('tracefs', () => {
  it.skipIf(missing)(live('has tracepoints with their fields'), () => {
    expect(tracepointId('sched', 'sched_switch')).toBeGreaterThan(0);
    expect(tracepointId('sched', 'no_such')).toBeUndefined();
    expect(tracepointFormat('sched', 'no_such')).toBeUndefined();
    const names = tracepointFormat('sched', 'sched_switch')!.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['common_pid', 'prev_pid', 'next_comm']));
    expect([hasEventNamed('sched_switch'), hasEventNamed('sched_swit')]).toEqual([true, false]);
  });

  it.skipIf(missing)(live('is found where it is mounted'), () => {
    expect(findMount(['/proc', '/no/such', tracefs()])).toBe(tracefs());
  });

  it('says what to mount where it is not mounted', () => {
    const directory = mkdtempSync(join(tmpdir(), 'no-tracefs-'));
    try {
      const error = thrown(() => findMount([directory, '/no/such/directory']));
      expect([error.name, error.message]).toEqual([
        'RequirementError',
        `tracepoints need tracefs, which is not mounted: run 'mount -t tracefs tracefs ${directory}' as root`,
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  const root = process.getuid?.() === 0;
  it.skipIf(missing || !root)(
    live(
      root
        ? 'asks for root where it is there, and may not be read'
        : 'asks for root (skipped: this is not root)',
    ),
    () => {
      const output = execFileSync(
        process.execPath,
        ['--import', import.meta.resolve('tsx'), fixture('unprivileged.ts')],
        { encoding: 'utf8' },
      );
      const [id, hidden] = output.trim().split('\n');
      expect(id).toBe(
        `RequirementError: tracepoints need tracefs, and this process may not read ${tracefs()}/events/sched/sched_switch/id: run it as root (sudo)`,
      );
      expect(hidden).toMatch(
        /^RequirementError: tracepoints need tracefs: it is not mounted on \/proc, and this process may not look into \/.*; run it as root \(sudo\)$/,
      );
    },
  );
});
