// Requests to the REST API, and the key that goes with them. It stays in this tab: no other one and no file of the browser
// has it, and no request carries it by itself.
import { signal } from '../html.js';

const KEY = 'gleitzeit.token';

/** Set while the server asks for a key that we do not have: why, in its words. */
export const locked = signal(/** @type {{code: string, message: string} | null} */ (null));
/** Changes when a key was given, so that whoever failed without one tries again. */
export const keyEpoch = signal(0);

/** @returns {string | null} */
export const heldKey = () => sessionStorage.getItem(KEY);

/** @param {string} text */
export function keepKey(text) {
  sessionStorage.setItem(KEY, text);
  locked.value = null;
  keyEpoch.value += 1;
}

/** Forgets the key, if there is one, and asks for another. The first reason is the one that is told. @param {{code: string, message: string}} reason */
export function lock(reason) {
  sessionStorage.removeItem(KEY);
  locked.value ??= { code: reason.code, message: reason.message };
}

export const forgetKey = () => sessionStorage.removeItem(KEY);

/** An answer that says no, or none at all (status 0). */
export class ApiError extends Error {
  /** @param {number} status @param {any} problem */
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `the server answered ${status}`);
    this.status = status;
    /** @type {string} */
    this.code = problem.code ?? '';
    /** @type {string} */
    this.fix = problem.fix ?? '';
    /** @type {number | undefined} */
    this.retryAfterMs = problem.retry_after_ms;
  }
}

/**
 * @param {string} method @param {string} path below /api/v1, or in full from the root
 * @param {{body?: any, type?: string, signal?: AbortSignal, headers?: Record<string, string>, key?: string}} [options] `key` is one that
 *   is tried, in place of the one that is held
 * @returns {Promise<any>}
 */
export async function request(method, path, options = {}) {
  const url = path.startsWith('/api/') || path === '/health' ? path : `/api/v1${path}`;
  /** @type {Record<string, string>} */
  const headers = { accept: 'application/json', ...options.headers };
  const known = options.key ?? heldKey();
  if (known) headers.authorization = `Bearer ${known}`;
  let body;
  if (options.body !== undefined) {
    headers['content-type'] = options.type ?? 'application/json';
    body = options.type ? options.body : JSON.stringify(options.body);
  }
  let response;
  try {
    response = await fetch(url, { method, headers, body, signal: options.signal, credentials: 'omit' });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, { detail: 'the server does not answer' });
  }
  const text = await response.text();
  const answer = parsed(text);
  if (response.ok) return answer;
  const error = new ApiError(response.status, answer && typeof answer === 'object' ? answer : {});
  // An answer to a key that has been replaced meanwhile says nothing of the new one.
  if (response.status === 401 && options.key === undefined && known === heldKey()) lock(error);
  throw error;
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** @param {string} path @param {AbortSignal} [signal] */
export const get = (path, signal) => request('GET', path, { signal });

/** @param {string} path @param {any} [body] */
export const post = (path, body = {}) => request('POST', path, { body });

/** A query string of what is set; lists are repeated. @param {Record<string, any>} values */
export function query(values) {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined || value === null || value === '') continue;
    for (const one of Array.isArray(value) ? value : [value]) search.append(key, String(one));
  }
  const text = search.toString();
  return text ? `?${text}` : '';
}

/** A path segment. @param {string} text */
export const segment = (text) => encodeURIComponent(text);
