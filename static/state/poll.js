// Reading something again and again while it is on the screen and the tab is seen.
import { useCallback, useEffect, useRef, useState } from '../html.js';
import { link } from './live.js';
import { keyEpoch } from './api.js';

/**
 * The latest answer of `read`, again after `everyMs`, at once when `key` changes or the connection returns.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} read @param {number} everyMs @param {any[]} key
 * @returns {{value: T | null, error: any, again: () => void}}
 */
export function usePoll(read, everyMs, key = []) {
  const [answer, setAnswer] = useState(/** @type {{value: T | null, error: any}} */ ({ value: null, error: null }));
  const latest = useRef(read);
  latest.current = read;
  const wake = useRef(() => {});
  const again = useCallback(() => wake.current(), []);
  const epoch = keyEpoch.value;
  const state = link.value;
  useEffect(() => {
    const abort = new AbortController();
    /** @type {any} */
    let timer = 0;
    let running = false;
    let stale = false;
    const turn = async () => {
      clearTimeout(timer);
      if (running) {
        stale = true;
        return;
      }
      running = true;
      do {
        stale = false;
        try {
          const value = await latest.current(abort.signal);
          if (!abort.signal.aborted) setAnswer({ value, error: null });
        } catch (error) {
          // What was known stays on the screen; the banner says that it is old.
          if (!abort.signal.aborted) setAnswer((before) => ({ value: before.value, error }));
        }
      } while (stale && !abort.signal.aborted);
      running = false;
      if (!abort.signal.aborted && everyMs > 0) timer = setTimeout(() => (document.hidden ? idle() : turn()), everyMs);
    };
    const idle = () => {
      timer = setTimeout(() => (document.hidden ? idle() : turn()), everyMs);
    };
    wake.current = turn;
    const seen = () => document.hidden || turn();
    document.addEventListener('visibilitychange', seen);
    turn();
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [everyMs, epoch, state === 'lost', ...key]);
  return { ...answer, again };
}
