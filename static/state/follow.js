// Events of the log for a screen that holds many of them: in order, each once, and without a hole.
import { get } from './api.js';

/** After a reading that failed it is tried again, until somebody answers. */
const AGAIN_MS = 1000;

/** Retention has released what was asked for. */
const RELEASED = 'GZ5011';

/** @typedef {import('./live.js').LogEvent} LogEvent */

/** Whether it is of no use to ask again. @param {any} error */
const isFinal = (error) => error.status >= 400 && error.status < 500 && ![408, 429].includes(error.status);

/**
 * Puts into one line what is told and what has to be read: what comes while something missed is read waits its turn.
 * What it returns is a listener for `watch`.
 * @param {{seq?: number, add: (events: LogEvent[]) => void, read: (since: number) => AsyncIterable<LogEvent[]>,
 *   failed: (error: any) => void, signal: AbortSignal}} line `seq` is the last position that the screen has; `add` takes
 *   what follows it; `read` reads the log from a position on, to its end; `failed` hears why a reading did not succeed
 */
export function inOrder({ seq = 0, add, read, failed, signal }) {
  let last = seq;
  let turn = Promise.resolve();
  const take = (events) => {
    const fresh = events.filter((event) => event.seq > last);
    if (fresh.length === 0 || signal.aborted) return;
    last = fresh[fresh.length - 1].seq;
    add(fresh);
  };
  const catchUp = async (since) => {
    let from = since;
    let isReleased = false;
    while (!signal.aborted) {
      try {
        // What is left of the log is read.
        if (isReleased) from = (await get('/stats', signal)).log.first_seq;
        for await (const page of read(Math.max(from, last + 1))) take(page);
        return;
      } catch (error) {
        if (signal.aborted) return;
        isReleased = /** @type {any} */ (error).code === RELEASED;
        if (isReleased) continue;
        if (isFinal(error)) throw error;
        await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
      }
    }
  };
  // Nothing that fails stops what comes after it.
  const next = (work) => { turn = turn.then(work).catch((error) => { if (!signal.aborted) failed(error); }); };
  return {
    /** @param {LogEvent[]} events */
    events: (events) => next(() => take(events)),
    /** @param {number} since */
    gap: (since) => next(() => catchUp(since)),
  };
}
