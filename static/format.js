// Figures and times for people.

/** @param {number} ms */
export function duration(ms) {
  if (!Number.isFinite(ms)) return '–';
  if (ms < 0) return `−${duration(-ms)}`;
  if (ms < 0.05) return '0 s';
  if (ms < 1) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${pad(Math.floor(seconds % 60))} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${pad(minutes % 60)} m`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A limit that somebody has set: without the zeros behind whole minutes and hours. @param {number} ms */
export const limit = (ms) => duration(ms).replace(/ 0?0 [sm]$/, '');

const pad = (n) => String(n).padStart(2, '0');

/** @param {number} n */
export const count = (n) => (n === undefined || n === null ? '–' : n.toLocaleString('en-US'));

/** @param {number} n */
export function compact(n) {
  if (!Number.isFinite(n)) return '–';
  if (Math.abs(n) < 10000) return Number.isInteger(n) ? count(n) : n.toFixed(1);
  if (n < 1e6) return `${(n / 1e3).toFixed(n < 1e5 ? 1 : 0)}k`;
  return `${(n / 1e6).toFixed(n < 1e8 ? 1 : 0)}M`;
}

/** @param {number} n */
export function bytes(n) {
  if (!Number.isFinite(n)) return '–';
  if (n < 1024) return `${Math.round(n)} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let at = -1;
  let left = n;
  do {
    left /= 1024;
    at += 1;
  } while (left >= 1024 && at < units.length - 1);
  return `${left < 10 ? left.toFixed(1) : Math.round(left)} ${units[at]}`;
}

/** @param {string | number | null | undefined} at */
export const ms = (at) => (at === null || at === undefined ? NaN : typeof at === 'number' ? at : Date.parse(at));

/** Clock time today, with the date for other days. @param {string | number | null | undefined} at */
export function time(at) {
  const then = ms(at);
  if (!Number.isFinite(then)) return '–';
  const date = new Date(then);
  const clock = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  if (date.toDateString() === new Date().toDateString()) return clock;
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock}`;
}

/** @param {string | number | null | undefined} at */
export function fineTime(at) {
  const then = ms(at);
  return Number.isFinite(then) ? `${time(then)}.${String(new Date(then).getMilliseconds()).padStart(3, '0')}` : '–';
}

/** @param {string | number | null | undefined} at @param {number} now */
export function ago(at, now) {
  const then = ms(at);
  if (!Number.isFinite(then)) return '–';
  const seconds = Math.max(0, Math.floor((now - then) / 1000));
  if (seconds < 5) return 'now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ago`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

/**
 * What went wrong with a webhook that fails, how much waits for it where that was counted, and how long for.
 * @param {{error: string | null, waiting: number | null, more_waiting: boolean | null, next_at: string | null}} failing @param {number} now
 */
export function howItFails(failing, now) {
  return [failing.error, waitsFor(failing, now)].filter(Boolean).join('; ');
}

/** @param {{waiting: number | null, more_waiting: boolean | null, next_at: string | null}} failing @param {number} now */
export function waitsFor({ waiting, more_waiting: more, next_at: next }, now) {
  const parts = [];
  if (waiting !== null) {
    const number = more ? `${count(waiting)} or more` : waiting === 0 ? 'no' : count(waiting);
    parts.push(waiting < 2 && !more ? `${number} end waits` : `${number} ends wait`);
  }
  if (next) {
    const left = ms(next) - now;
    parts.push(`the next try is ${left > 0 ? `in ${duration(left)}` : 'under way'}`);
  }
  return parts.join(', ');
}

/** The beginning of a generated id, which is enough for the eye. @param {string} id */
export const shortId = (id) => (/^[0-9a-f]{8}-[0-9a-f-]{27}/.test(id) ? `${id.slice(0, 8)}…${id.slice(id.length - 4)}` : id);

/** @param {string} word */
export const words = (word) => word.replaceAll('_', ' ');

/** @param {number} n @param {string} one @param {string} [many] */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** Hours and minutes. @param {number} seconds since 1970 */
export function clock(seconds) {
  const date = new Date(seconds * 1000);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}`;
}
