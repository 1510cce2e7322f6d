// Where we are: every screen, tab, filter and open task has an address of its own.
import { computed, effect, signal } from '../html.js';
import { query, segment } from './api.js';

const BASE = '/dashboard';

/** @typedef {{path: string[], search: URLSearchParams}} Route */

const location_ = signal(`${location.pathname}${location.search}`);

/** @type {{value: Route}} */
export const route = computed(() => {
  const url = new URL(location_.value, location.origin);
  const rest = url.pathname.startsWith(BASE) ? url.pathname.slice(BASE.length) : '';
  const path = rest.split('/').filter(Boolean).map((part) => safely(part));
  return { path, search: url.searchParams };
});

/** @param {string} part */
function safely(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * The address of a screen.
 * @param {string[]} path @param {Record<string, any>} [search]
 */
export function address(path, search = {}) {
  const parts = path.map(segment).join('/');
  return `${BASE}${parts ? `/${parts}` : ''}${query(search)}`;
}

/** @param {string} url @param {{replace?: boolean}} [how] */
export function go(url, how = {}) {
  if (url === location_.value) return;
  if (how.replace) history.replaceState(null, '', url);
  else history.pushState(null, '', url);
  location_.value = url;
}

/** Changes some of the conditions in the address, and keeps the others. @param {Record<string, any>} changes */
export function refine(changes, how = { replace: true }) {
  const { path, search } = route.value;
  /** @type {Record<string, any>} */
  const all = {};
  for (const key of new Set(search.keys())) all[key] = search.getAll(key);
  go(address(path, { ...all, ...changes }), how);
}

/** The filters with which each list was last seen. @type {Map<string, string>} */
const lists = new Map();
effect(() => {
  if (route.value.path.length === 1) lists.set(route.value.path[0], location_.value);
});

/** A list as it was left. @param {string} name */
export const listAddress = (name) => lists.get(name) ?? address([name]);

export const workflowAddress = (id, tab = '', search = {}) =>
  address(tab ? ['workflows', id, tab] : ['workflows', id], search);

addEventListener('popstate', () => {
  location_.value = `${location.pathname}${location.search}`;
});

// Links of our own change the address without loading the page anew.
addEventListener('click', (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const anchor = event.target instanceof Element ? event.target.closest('a[href]') : null;
  const href = anchor?.getAttribute('href');
  if (!href || !href.startsWith(BASE) || anchor?.hasAttribute('target')) return;
  event.preventDefault();
  go(href);
});
