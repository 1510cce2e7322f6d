// Everything is reached and done without a mouse.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { closeBrowser, House, openPage, picture, task, until } from './house.mjs';

const house = new House();
let page;
let notes;
let failed;

before(async () => {
  await house.start();
  await house.service('Workshop', async ({ external_parameters: values }) => {
    if (values.fail) throw new Error('the mill is jammed');
    return 1;
  });
  for (let at = 0; at < 4; at += 1) await house.status(await house.submit({ name: `Import ${at}`, tasks: [task('Read')] }), 'completed');
  failed = await house.submit({ name: 'Broken', tasks: [task('Open'), task('Mill', ['Open'], { values: { fail: true } }), task('Bake', ['Mill'])] });
  await house.status(failed, 'failed');
  ({ page, notes } = await openPage());
});

after(async () => {
  await closeBrowser();
  await house.close();
});

const keys = async (...pressed) => {
  for (const key of pressed) await page.keyboard.press(key);
};
/** Two keys, one soon after the other; on a busy machine the second may come too late, and both are pressed again. */
const lead = (key, path) => until(async () => {
  await keys('g', key);
  return new URL(page.url()).pathname === `/dashboard${path}`;
}, `g ${key} leads to ${path}`);
const at = (path) => page.waitForURL((url) => url.pathname === `/dashboard${path}`);
const focused = () => page.evaluate(() => {
  const element = document.activeElement;
  return `${element?.tagName} ${element?.getAttribute('aria-label') ?? element?.textContent?.trim().slice(0, 40) ?? ''}`;
});

test('letters lead to every screen', async () => {
  await page.goto(house.url);
  await page.locator('[data-state="live"]').waitFor();
  for (const [key, path] of [['w', '/workflows'], ['s', '/services'], ['e', '/events'], ['r', '/errors'], ['h', '/webhooks'], ['c', '/submit'], ['a', '/admin'], ['n', '']]) {
    await lead(key, path);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.blur());
  }
});

test('a list is filtered, walked and opened, and Escape leads back', async () => {
  await lead('w', '/workflows');
  await page.getByRole('grid', { name: 'Workflows' }).waitFor();
  await keys('/');
  assert.match(await focused(), /Filter by name/);
  await page.keyboard.type('Bro');
  await page.getByRole('row', { name: /Import/ }).first().waitFor({ state: 'detached' });
  await keys('Escape', 'j', 'x');
  await page.getByRole('group', { name: /chosen/ }).waitFor();
  await keys('x', 'Enter');
  await at(`/workflows/${failed}`);
  await keys('Escape');
  await at('/workflows');
});

test('one key leads to the first failure, and the task is retried', async () => {
  await page.goto(`${house.url}/dashboard/workflows/${failed}`);
  await page.locator('[data-graph-ready]').waitFor();
  await keys('f');
  await page.getByRole('heading', { name: 'Mill', level: 2 }).waitFor();
  await page.getByRole('complementary').getByText('the mill is jammed').first().waitFor();
  await keys('r');
  await page.getByRole('dialog', { name: 'Retry this task?' }).waitFor();
  // Tab stays inside the dialog.
  for (let step = 0; step < 12; step += 1) {
    await keys('Tab');
    assert.ok(await page.evaluate(() => document.activeElement?.closest('[role=dialog]') !== null), await focused());
  }
  await keys('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByRole('complementary').waitFor();
  await keys('r');
  await page.getByRole('dialog').getByRole('textbox').waitFor();
  await page.keyboard.type('by hand');
  await keys('Enter');
  await until(async () => (await house.read(`/workflows/${failed}/events`)).items.some((event) => event.type === 'tasks_retried' && event.reason === 'by hand'), 'the retry is in the log');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await keys('Escape');
  await page.getByRole('complementary').waitFor({ state: 'detached' });
});

test('numbers lead through the views of a run', async () => {
  for (const [key, tab] of [['2', 'timeline'], ['3', 'tasks'], ['4', 'data'], ['5', 'events'], ['6', 'definition'], ['1', 'graph']]) {
    await keys(key);
    await at(`/workflows/${failed}/${tab}`);
  }
});

test('the graph is walked along its edges', async () => {
  // A run that goes on is read again and placed anew, and the walk would begin anew with it.
  await house.status(failed, 'failed');
  await page.goto(`${house.url}/dashboard/workflows/${failed}/graph`);
  await page.locator('[data-graph-ready]').waitFor();
  await page.getByRole('application').focus();
  await keys('ArrowRight', 'ArrowRight');
  await page.getByText(/^Mill, \w/).waitFor({ state: 'attached' });
  await keys('ArrowLeft');
  await page.getByText('Open, Completed').waitFor({ state: 'attached' });
  await keys('Enter');
  await page.getByRole('heading', { name: 'Open', level: 2 }).waitFor();
  // Keys go to the drawer when it has the focus.
  await until(async () => (await focused()).startsWith('ASIDE'), 'the drawer has the focus');
  await keys('Escape');
  await page.getByRole('complementary').waitFor({ state: 'detached' });
});

test('the palette finds screens, workflows and ids', async () => {
  await keys('Control+k');
  // Typing begins when there is something to type into.
  await page.getByRole('combobox').pressSequentially('Import 2');
  await page.getByRole('option', { name: /Import 2/, selected: true }).waitFor();
  await picture(page, 'palette');
  await page.getByRole('combobox').press('Enter');
  await page.getByRole('heading', { name: 'Import 2', level: 1 }).waitFor();
  await keys('Control+k');
  await page.getByRole('combobox').pressSequentially(failed);
  await page.getByRole('option', { name: /workflow/, selected: true }).waitFor();
  await page.getByRole('combobox').press('Enter');
  await at(`/workflows/${failed}`);
  await keys('?');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  await picture(page, 'keyboard');
  await keys('Escape');
});

test('whatever has the focus shows it', async () => {
  await page.goto(`${house.url}/dashboard/workflows`);
  await page.getByRole('row', { name: /Broken/ }).waitFor();
  const seen = new Set();
  for (let step = 0; step < 40; step += 1) {
    await keys('Tab');
    const shown = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return document.activeElement === document.body || style.outlineStyle !== 'none' || style.boxShadow !== 'none';
    });
    seen.add(await focused());
    assert.ok(shown, await focused());
  }
  assert.ok([...seen].some((name) => name.startsWith('A Broken')), [...seen].join('; '));
});

test('nothing of all this went wrong on the page', () => {
  assert.deepEqual(notes, { errors: [], foreign: [], violations: [] });
});
