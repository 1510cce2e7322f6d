// Dark, light, or as the system has it.
import { effect, signal } from '../html.js';

const KEY = 'gleitzeit.theme';
/** @type {{value: string}} */
export const theme = signal(stored() ?? 'auto');
/** Changes with the colours, for whoever draws with them. */
export const themeEpoch = signal(0);

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function nextTheme() {
  const order = ['auto', 'dark', 'light'];
  theme.value = order[(order.indexOf(theme.value) + 1) % order.length];
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // A browser that keeps nothing forgets the theme with the tab.
  }
}

effect(() => {
  document.documentElement.dataset.theme = theme.value;
  themeEpoch.value = themeEpoch.peek() + 1;
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  themeEpoch.value += 1;
});

export const stillness = matchMedia('(prefers-reduced-motion: reduce)');
