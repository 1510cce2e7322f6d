// Requests to the REST API. The token stays in this tab.
import { signal } from '../html.js';

const KEY = 'gleitzeit.token';

/** Whether the server asks for a token that we do not have. */
export const tokenWanted = signal(false);
/** Changes when a token was given, so that whoever failed without one tries again. */
export const tokenEpoch = signal(0);

export function token() {
  return sessionStorage.getItem(KEY);
}

/** @param {string} text */
export function useToken(text) {
  sessionStorage.setItem(KEY, text);
  tokenWanted.value = false;
  tokenEpoch.value += 1;
}

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
  }
}

/**
 * @param {string} method @param {string} path below /api/v1, or in full from the root
 * @param {{body?: any, type?: string, signal?: AbortSignal, headers?: Record<string, string>}} [options]
 * @returns {Promise<any>}
 */
export async function request(method, path, options = {}) {
  const url = path.startsWith('/api/') || path === '/health' ? path : `/api/v1${path}`;
  /** @type {Record<string, string>} */
  const headers = { accept: 'application/json', ...options.headers };
  const known = token();
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
  if (response.status === 401) tokenWanted.value = true;
  throw new ApiError(response.status, answer && typeof answer === 'object' ? answer : {});
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
