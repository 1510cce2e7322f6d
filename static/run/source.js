// A run that keeps itself up to date: read once, then followed by the events of the log; read again where some of them
// were missed, or where they do not tell everything.
import { useCallback, useEffect, useState } from '../html.js';
import { get, segment, keyEpoch } from '../state/api.js';
import { learnTime } from '../state/clock.js';
import { knowAs, link, watch } from '../state/live.js';
import { Run } from './model.js';

/** A run that changes faster than it can be told is read again at most this often. */
const AGAIN_MS = 700;
/** After something that the events do not tell in full, the whole is read once it is quiet. */
const SETTLE_MS = 250;
/** Text that a task streams is kept up to this many characters. */
const STREAM_MAX = 65536;
/** Tasks whose text is kept; the oldest is let go, so that a tab that is left open does not grow. */
const STREAMS_MAX = 200;

/** @typedef {(progress: import('../state/live.js').Progress[]) => void} Hear */

/**
 * @param {string} id
 * @returns {{run: Run | null, error: any, streams: Map<string, string>, onEvents: Set<(events: any[]) => void>, again: () => void}}
 */
export function useRun(id) {
  const [held, setHeld] = useState(() => fresh(id));
  const epoch = keyEpoch.value;
  const [tries, setTries] = useState(0);
  const again = useCallback(() => setTries((before) => before + 1), []);
  useEffect(() => {
    const state = { ...fresh(id) };
    setHeld(state);
    const abort = new AbortController();
    let stop = () => {};
    /** @type {any} */
    let timer = 0;
    let last = 0;
    const read = async () => {
      timer = 0;
      last = Date.now();
      try {
        const graph = await get(`/workflows/${segment(id)}/graph`, abort.signal);
        learnTime(graph.now_ms);
        if (state.run) {
          // What was told meanwhile is newer than the answer: the events up to it come again.
          if (graph.seq >= state.run.seq) state.run.load(graph);
          else later(SETTLE_MS);
          return;
        }
        state.run = new Run(graph);
        knowAs(id, graph.generated_id);
        stop = watch(id, graph.seq, listener);
        setHeld({ ...state });
      } catch (error) {
        if (abort.signal.aborted) return;
        if (state.run) later(AGAIN_MS);
        else setHeld({ ...state, error });
      }
    };
    const later = (wait) => {
      if (!timer) timer = setTimeout(read, Math.max(wait, last + AGAIN_MS - Date.now()));
    };
    const listener = {
      events(events) {
        if (state.run?.apply(events)) later(SETTLE_MS);
        for (const told of state.onEvents) told(events);
      },
      progress(list) {
        for (const one of list) {
          if (one.data === undefined || one.data === null) continue;
          const text = typeof one.data === 'string' ? one.data : one.data.text ?? one.data.token ?? JSON.stringify(one.data);
          state.streams.set(one.task_id, ((state.streams.get(one.task_id) ?? '') + text).slice(-STREAM_MAX));
          if (state.streams.size > STREAMS_MAX) state.streams.delete(state.streams.keys().next().value);
        }
        state.run?.hear(list);
      },
      gap() {
        later(0);
        for (const told of state.onEvents) told([]);
      },
    };
    read();
    return () => {
      abort.abort();
      clearTimeout(timer);
      stop();
    };
  }, [id, epoch, tries]);
  // A run that could not be read because nobody answered is read when somebody does.
  const unanswered = held.error?.status === 0 && link.value === 'live';
  useEffect(() => { if (unanswered) again(); }, [unanswered]);
  return { ...held, again };
}

function fresh(id) {
  return {
    id, run: /** @type {Run | null} */ (null), error: /** @type {any} */ (null), streams: new Map(), onEvents: new Set(),
  };
}
