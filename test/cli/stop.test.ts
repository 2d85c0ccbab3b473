import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Stop } from '../../src/cli/stop.ts';

describe('the end of a run', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it.each([
    1,
    2_147_483, // the longest that one timer of Node holds
    2_147_484,
    99_999_999,
  ])('comes after %d seconds, not before', (seconds) => {
    const stop = new Stop();
    try {
      stop.after(seconds);
      vi.advanceTimersByTime(seconds * 1000 - 1);
      expect(stop.signal.aborted).toBe(false);
      vi.advanceTimersByTime(1);
      expect(stop.signal.aborted).toBe(true);
    } finally {
      stop.close();
    }
  });
});
