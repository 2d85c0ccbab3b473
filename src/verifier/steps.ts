/**
 * @module
 * The way of the verifier through a program: each instruction that the log shows, what was known before it, and which
 * one came before. After a branch was seen to its end the verifier goes back, so that is not always the line above.
 */
import { afterCall } from './forget.ts';
import type { LogLine } from './lines.ts';
import { stateOf, type Values } from './state.ts';

/** An instruction that the verifier walked through. */
export interface Step {
  readonly slot: number;
  readonly text: string;
  readonly frame: number;
  /** What registers and stack of its frame held before it, as far as the log says. */
  readonly before: Values;
  /** The step before it; undefined at the start, and where the log was cut. */
  readonly previous: number | undefined;
}

/** The steps of a log, in its order. */
export const stepsOf = (lines: readonly LogLine[]): readonly Step[] => {
  const steps: Step[] = [];
  const frames = new Map<number, Values>();
  /** The last step at each slot. */
  const latest = new Map<number, number>();
  let frame = 0;
  let previous: number | undefined;
  const know = (text: string, whole: boolean): void => {
    const { frame: of, values } = stateOf(text);
    frame = of;
    frames.set(of, whole ? values : { ...frames.get(of), ...values });
  };
  for (const line of lines) {
    if (line.kind === 'state') {
      know(line.state, true);
      if (line.from !== undefined) previous = latest.get(line.from);
    } else if (line.kind === 'instruction') {
      const { slot, text } = line;
      steps.push({ slot, text, frame, before: frames.get(frame) ?? {}, previous });
      previous = steps.length - 1;
      latest.set(slot, previous);
      frames.set(frame, afterCall(frames.get(frame) ?? {}, text));
      if (line.state !== undefined) know(line.state, line.whole);
    }
  }
  return steps;
};
