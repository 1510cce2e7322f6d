// Who is logged in, and what the role allows. The server decides; this is for what is worth offering.
import { effect, signal } from '../html.js';
import { ApiError, forgetKey, get, heldKey, keepKey, keyEpoch, locked, request } from './api.js';
import { link } from './live.js';

/**
 * @typedef {'readonly' | 'user' | 'service' | 'operator' | 'admin'} Role
 * @typedef {{user: string, role: Role, guarded: boolean, key: any}} Who
 */

export const who = signal(/** @type {Who | null} */ (null));

/** What each role may do beside its own. @type {Record<Role, Role[]>} */
export const COVERS = {
  readonly: ['readonly'], user: ['readonly', 'user'], service: ['service'], operator: ['readonly', 'user', 'service', 'operator'],
  admin: ['readonly', 'user', 'service', 'operator', 'admin'],
};

/** Whether what asks for `least` is worth offering; nothing is before it is known who looks. @param {Role} least */
export const may = (least) => who.value !== null && COVERS[who.value.role].includes(least);

/** Asks now, and again whenever a key was given or the connection is new: a role may have changed meanwhile. */
export function startSession() {
  effect(() => {
    keyEpoch.value;
    if (link.value !== 'lost' && !locked.peek()) learn();
  });
  effect(() => {
    if (locked.value) who.value = null;
  });
}

/** The latest question is the one whose answer counts. */
let asked = 0;

async function learn() {
  const turn = ++asked;
  try {
    const answer = await get('/whoami');
    if (turn === asked && !locked.peek()) who.value = answer;
  } catch {
    // A server that does not answer is asked again when the connection is there; what was known holds until then.
  }
}

/**
 * Logs in: a key is tried before it is kept.
 * @param {string} key
 */
export async function enter(key) {
  /** @type {Who} */
  const answer = await request('GET', '/whoami', { key });
  if (!COVERS[answer.role].includes('readonly')) {
    throw new ApiError(403, { code: 'GZ4021', detail: `this key of ${answer.user} has the role ${answer.role}, which runs tasks and may look at nothing`, fix: 'Use a key of another role.' });
  }
  who.value = answer;
  keepKey(key);
}

/** Logs out. A page that is loaded anew remembers nothing of what was seen. */
export function leave() {
  forgetKey();
  location.assign('/dashboard');
}

/** Whether somebody could log out. */
export const isLoggedIn = () => who.value !== null && who.value.guarded && heldKey() !== null;
