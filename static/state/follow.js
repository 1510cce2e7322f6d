// Events of the log for a screen that holds many of them: in order, each once, and without a hole.

/** After a reading that failed it is tried again, until somebody answers. */
const AGAIN_MS = 1000;

/** Retention has released what was asked for: there is nothing left to read. */
const RELEASED = 'GZ5011';

/** @typedef {import('./live.js').LogEvent} LogEvent */

/**
 * Puts into one line what is told and what has to be read: what comes while something missed is read waits its turn.
 * What it returns is a listener for `watch`.
 * @param {{seq?: number, add: (events: LogEvent[]) => void, read: (since: number) => AsyncIterable<LogEvent[]>,
 *   failed?: (error: any) => void, signal: AbortSignal}} line `seq` is the last position that the screen has; `add` takes
 *   what follows it; `read` reads the log from a position on; `failed` hears why a reading did not succeed
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
    while (!signal.aborted) {
      try {
        for await (const page of read(Math.max(since, last + 1))) take(page);
        return;
      } catch (error) {
        if (signal.aborted || /** @type {any} */ (error).code === RELEASED) return;
        failed?.(error);
        await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
      }
    }
  };
  return {
    /** @param {LogEvent[]} events */
    events: (events) => { turn = turn.then(() => take(events)); },
    /** @param {number} since */
    gap: (since) => { turn = turn.then(() => catchUp(since)); },
  };
}
