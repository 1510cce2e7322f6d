// Logging in, for the tests beside this file.

import { openPage } from './house.mjs';

/** What would run, if it were taken for markup. */
export const EVIL = '<img src=x onerror="window.pwned=1">';

export const field = (page) => page.getByRole('textbox', { name: 'Key' });
export const who = (page, words) => page.locator('.nav .who').filter({ hasText: words });
/** In a hand the word for it is not shown. */
export const live = (page) => page.locator('[data-state="live"]').waitFor({ state: 'attached' });
/** What a page that nothing went wrong on has noted. */
export const nothing = () => ({ errors: [], foreign: [], violations: [] });

/** Opens a screen of a house with a key. */
export async function open(house, path, secret, options) {
  const opened = await openPage(options);
  await opened.page.goto(`${house.url}/dashboard${path}`);
  await logIn(opened.page, secret);
  await live(opened.page);
  return opened;
}

export async function logIn(page, secret) {
  await field(page).fill(secret);
  await page.keyboard.press('Enter');
  await field(page).waitFor({ state: 'detached' });
}
