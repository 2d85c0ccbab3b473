import { describe, expect, it } from 'vitest';
import { eventLines } from '../../src/cli/event-lines.ts';
import { libcAddress, recordedSystem } from '../../src/cli/recordings-machine.ts';
import type { EventOutput, OptionTable } from '../../src/programs/tool.ts';

const moment = { time: '22:15:35', epochMs: 0 };
const output: EventOutput<OptionTable, { readonly id: number; readonly more?: string[] }> = {
  kind: 'events',
  buffer: 'events',
  banner: () => 'Look:',
  columns: () => [
    { title: 'ID', width: 4, text: ({ id }) => String(id) },
    { title: 'NO', width: 2, align: 'right', text: () => '7' },
    { title: 'LAST', text: () => 'end' },
  ],
  filter: ({ id }) => id !== 2,
  json: ({ id, more = [] }, _options, { time }) => ({ time, id, more }),
};
const lines = (more: Partial<typeof output>, json = false) =>
  eventLines({ ...output, ...more } as EventOutput<OptionTable, unknown>, { json }, recordedSystem);

describe('the lines of events', () => {
  const events = [{ id: 1 }, { id: 2 }, { id: 3 }];

  it('are a header, and a row for each that is to be shown', () => {
    const { head, of } = lines({});
    expect(head).toEqual(['Look:', 'ID   NO LAST']);
    expect(of(events, moment)).toEqual(['1     7 end', '3     7 end']);
  });

  it('have more below under the last column, escaped as all text', () => {
    const { of } = lines({ below: ({ id }) => (id === 1 ? ['one', 'a\n\x1b[2J'] : []) });
    expect(of(events, moment)).toEqual([
      '1     7 end',
      '        one',
      '        a\\x0a\\x1b[2J',
      '3     7 end',
    ]);
  });

  it('are objects in JSON, without what is around them', () => {
    const { head, of } = lines({ below: () => ['one'] }, true);
    expect(head).toEqual([]);
    expect(of(events, moment)).toEqual([
      '{"time":"22:15:35","id":1,"more":[]}',
      '{"time":"22:15:35","id":3,"more":[]}',
    ]);
  });

  it('have what the machine knows of those that are shown, which it is asked together', () => {
    const asked: number[][] = [];
    const { of } = lines(
      {
        complete: (shown, _options, system) => {
          asked.push(shown.map(({ id }) => id));
          const addresses = [libcAddress('fopen', 0x6a), 0x5581_04c3_19f2n, 1n];
          const [more] = system.userStacks([{ pid: 181, addresses }]);
          return shown.map((event) => ({ ...event, more: [...more!] }));
        },
        below: ({ more = [] }) => more,
      },
      false,
    );
    expect(of(events, moment).slice(0, 4)).toEqual([
      '1     7 end',
      '        fopen+0x6a (/usr/lib/x86_64-linux-gnu/libc.so.6)',
      '        0x558104c319f2',
      '        0x1',
    ]);
    expect(asked).toEqual([[1, 3]]);
  });
});
