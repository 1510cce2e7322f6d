// The time as the server sees it, once a second while somebody looks.
import { signal } from '../html.js';

/** What the server's clock is ahead of ours, in milliseconds. */
let ahead = 0;

export const now = signal(Date.now());

/** @param {number} serverMs */
export function learnTime(serverMs) {
  ahead = serverMs - Date.now();
  now.value = serverTime();
}

export const serverTime = () => Date.now() + ahead;

setInterval(() => {
  if (!document.hidden) now.value = serverTime();
}, 1000);
