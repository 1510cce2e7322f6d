// Whoever walks by the keyboard keeps their place: while a run is read again, while rows come and go, and on the way back.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { closeBrowser, House, openPage, sleep, task, until } from './house.mjs';

const house = new House();
const gates = new Map();
let workshop;

before(async () => {
  await house.start();
  workshop = await house.service('Workshop', async ({ external_parameters: values }) => {
    if (values.gate) await new Promise((resolve) => { gates.set(values.gate, resolve); });
    // Times are in milliseconds, and a chain without this has several tasks that start within one: their order is then open.
    await sleep(5);
    return values.step;
  }, { slots: 50 });
});

after(async () => {
  await closeBrowser();
  for (const open of gates.values()) open();
  await house.close();
});

const chain = ['One', 'Two', 'Three', 'Four', 'Five'];
const inChain = (gate) => chain.map((name, at) => task(name, at > 0 ? [chain[at - 1]] : [], at === 0 ? { values: { gate } } : {}));

/** The server dies and comes back, and the run ends meanwhile: the page has to read it again. */
async function restart(gate, id, registrations) {
  await house.end('SIGKILL');
  await house.start();
  await until(() => workshop.registrations > registrations, 'the service is back');
  gates.get(gate)();
  await house.status(id, 'completed');
}

test('the walk through a graph goes on after the run was read again', async () => {
  const id = await house.submit({ name: 'Walked', tasks: inChain('walked') });
  const { page, context, notes } = await openPage();
  await page.goto(`${house.url}/dashboard/workflows/${id}`);
  await page.locator('[data-graph-ready]').waitFor();
  await page.locator('[data-state="live"]').waitFor();
  await until(() => gates.has('walked'), 'One runs');
  const graph = page.getByRole('application');
  for (const name of ['One', 'Two', 'Three']) {
    await graph.press('ArrowDown');
    await page.getByText(new RegExp(`^${name}, `)).waitFor({ state: 'attached' });
  }
  await restart('walked', id, workshop.registrations);
  await page.locator('header .title .s-completed').first().waitFor();
  await graph.press('ArrowDown');
  await page.getByText('Four, Completed').waitFor({ state: 'attached' });
  assert.deepEqual(notes, { errors: [], foreign: [], violations: [] });
  await context.close();
});

test('the walk through a graph goes on where a task was open', async () => {
  const id = await house.submit({ name: 'Opened', tasks: inChain('') });
  await house.status(id, 'completed');
  const { page, context } = await openPage();
  await page.goto(`${house.url}/dashboard/workflows/${id}`);
  await page.locator('[data-graph-ready]').waitFor();
  const graph = page.getByRole('application');
  for (const name of ['One', 'Two', 'Three']) {
    await graph.press('ArrowDown');
    await page.getByText(new RegExp(`^${name}, `)).waitFor({ state: 'attached' });
  }
  await graph.press('Enter');
  await page.getByRole('heading', { name: 'Three', level: 2 }).waitFor();
  await page.getByRole('complementary').press('Escape');
  await page.getByRole('complementary').waitFor({ state: 'detached' });
  await graph.press('ArrowDown');
  await page.getByText('Four, Completed').waitFor({ state: 'attached' });
  await context.close();
});

/** The keyboard stands on the row with this name. */
const on = (page, name) => page.locator('.line.at').filter({ has: page.getByText(name, { exact: true }) }).waitFor();

test('the row of a table is kept while the run is read again and its order changes', async () => {
  const id = await house.submit({ name: 'Sorted', tasks: inChain('sorted') });
  const { page, context } = await openPage();
  await page.goto(`${house.url}/dashboard/workflows/${id}/tasks?sort=late`);
  await page.getByRole('row', { name: /Five/ }).waitFor();
  await page.locator('[data-state="live"]').waitFor();
  await until(() => gates.has('sorted'), 'One runs');
  const grid = page.getByRole('grid', { name: 'Tasks' });
  // Only One has started, so the others follow it in their order.
  await grid.press('Home');
  await on(page, 'One');
  await grid.press('ArrowDown');
  await on(page, 'Two');
  await restart('sorted', id, workshop.registrations);
  await page.locator('header .title .s-completed').first().waitFor();
  await until(async () => (await page.getByRole('row').nth(1).textContent()).includes('Five'), 'what started last comes first');
  await on(page, 'Two');
  await grid.press('Enter');
  await page.getByRole('heading', { name: 'Two', level: 2 }).waitFor();
  await context.close();
});

test('a list that grows at its top opens what was chosen, and is found again as it was left', async () => {
  for (let at = 0; at < 60; at += 1) await house.submit({ name: `Entry ${at}`, tags: ['list'], tasks: [task('Only')] });
  const { page, context } = await openPage();
  await page.goto(`${house.url}/dashboard/workflows?tag=list`);
  const grid = page.getByRole('grid', { name: 'Workflows' });
  await page.getByRole('row', { name: /Entry 59/ }).waitFor();
  for (let step = 0; step < 40; step += 1) await grid.press('ArrowDown');
  await on(page, 'Entry 20');
  await house.submit({ name: 'Latest', tags: ['list'], tasks: [task('Only')] });
  await until(async () => (await grid.getAttribute('aria-rowcount')) === '62', 'it is in the list');
  await on(page, 'Entry 20');
  await grid.press('Enter');
  await page.getByRole('heading', { name: 'Entry 20', level: 1 }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: 'Workflows', level: 1 }).waitFor();
  await on(page, 'Entry 20');
  const seen = await page.locator('.line.at').evaluate((line) => {
    const [row, box] = [line.getBoundingClientRect(), /** @type {HTMLElement} */ (line.closest('.grid')).getBoundingClientRect()];
    return row.top >= box.top && row.bottom <= box.bottom;
  });
  assert.ok(seen, 'the row is in view');
  await context.close();
});

test('whoever reads older events is left there, and led back to the newest', async () => {
  const { page, context } = await openPage({ viewport: { width: 1440, height: 500 } });
  await page.goto(`${house.url}/dashboard/events`);
  const grid = page.getByRole('grid', { name: 'Events' });
  const atEnd = () => grid.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight < 40);
  const rows = async () => Number(await grid.getAttribute('aria-rowcount'));
  await until(atEnd, 'the newest event is in view');
  await grid.evaluate((element) => { element.scrollTop -= 600; });
  await page.getByRole('button', { name: 'To the newest' }).waitFor();
  const before = await rows();
  const top = await grid.evaluate((element) => element.scrollTop);
  await house.status(await house.submit({ name: 'Unread', tasks: [task('Only')] }), 'completed');
  await until(async () => (await rows()) >= before + 5, 'more events have come');
  assert.equal(await grid.evaluate((element) => element.scrollTop), top);
  await page.getByRole('button', { name: 'To the newest' }).click();
  await until(atEnd, 'the newest event is in view again');
  await page.getByRole('row', { name: /workflow ended.*Unread/ }).waitFor();
  await context.close();
});

test('a graph keeps its place while another view is looked at', async () => {
  const id = await house.submit({ name: 'Zoomed', tasks: inChain('') });
  await house.status(id, 'completed');
  const { page, context } = await openPage();
  await page.goto(`${house.url}/dashboard/workflows/${id}`);
  const scale = () => page.locator('canvas[data-scale]').getAttribute('data-scale');
  await page.locator('[data-graph-ready]').waitFor();
  await page.getByRole('application').press('ArrowDown');
  await page.getByText(/^One, /).waitFor({ state: 'attached' });
  const whole = await scale();
  await page.getByRole('button', { name: 'Closer' }).click();
  await until(async () => (await scale()) !== whole, 'it is closer');
  const closer = await scale();
  await page.keyboard.press('3');
  await page.getByRole('grid', { name: 'Tasks' }).waitFor();
  await page.keyboard.press('1');
  await until(async () => (await scale()) === closer, 'it is as close again');
  await page.locator('[data-graph-ready]').waitFor();
  await page.getByRole('application').press('ArrowDown');
  await page.getByText(/^Two, /).waitFor({ state: 'attached' });
  await context.close();
});

test('a task that is loaded late leaves the focus where somebody writes', async () => {
  const id = await house.submit({ name: 'Late drawer', tasks: inChain('') });
  await house.status(id, 'completed');
  const { page, context } = await openPage();
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  await page.route('**/task/drawer.js', async (route) => { await held; await route.continue(); });
  await page.goto(`${house.url}/dashboard/workflows/${id}?task=${id}.2`);
  await page.locator('[data-graph-ready]').waitFor();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').pressSequentially('Late');
  release();
  await page.getByRole('complementary', { includeHidden: true }).getByText('Three').first().waitFor();
  await page.getByRole('combobox').and(page.locator(':focus')).waitFor();
  await page.keyboard.type(' drawer');
  assert.equal(await page.getByRole('combobox').inputValue(), 'Late drawer');
  // With the palette gone the task has the keys.
  await page.keyboard.press('Escape');
  await page.getByRole('complementary').and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('complementary').waitFor({ state: 'detached' });
  await context.close();
});
