// What happens is seen as it happens: progress and streamed text, another person's actions, a restart of the server in
// the middle, a token that is asked for, and an address for everything.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { closeBrowser, House, openPage, picture, sleep, task, until } from './house.mjs';

const house = new House();
const gates = new Map();
let workshop;

before(async () => {
  await house.start();
  workshop = await house.service('Workshop', async ({ external_parameters: values }, progress) => {
    for (const [percent, text] of values.tells ?? []) progress(percent, `at ${percent}`, { text });
    if (values.gate) await new Promise((resolve) => { gates.set(values.gate, resolve); });
    return values.step;
  }, { slots: 50 });
});

after(async () => {
  await closeBrowser();
  for (const open of gates.values()) open();
  await house.close();
});

test('a run that goes on is followed without a look at the server again', async () => {
  const { page, context, notes } = await openPage();
  const id = await house.submit({ name: 'Followed', tasks: [task('First', [], { values: { gate: 'first' } }), task('Second', ['First'], { values: { gate: 'second' } }), task('Third', ['Second'])] });
  await page.goto(`${house.url}/dashboard/workflows/${id}/tasks`);
  const row = (name) => page.getByRole('row', { name: new RegExp(name) });
  await row('First').getByText('Running').waitFor();
  await until(() => gates.has('first'), 'First runs');
  let graphs = 0;
  page.on('request', (request) => { if (request.url().endsWith('/graph')) graphs += 1; });
  gates.get('first')();
  await row('First').getByText('Completed').waitFor();
  await row('Second').getByText('Running').waitFor();
  await until(() => gates.has('second'), 'Second runs');
  gates.get('second')();
  await row('Third').getByText('Completed').waitFor();
  await page.locator('header .title .s-completed').first().waitFor();
  assert.equal(graphs, 0);
  assert.deepEqual(notes, { errors: [], foreign: [], violations: [] });
  await context.close();
});

test('progress and streamed text show in the open task', async () => {
  const { page, context } = await openPage();
  const id = await house.submit({ name: 'Streaming', tasks: [task('Wait', [], { values: { gate: 'stream' } }), task('Speak', ['Wait'], { values: { tells: [[10, 'To be, '], [60, 'or not to be']], gate: 'spoken' } })] });
  await until(() => gates.has('stream'), 'Wait runs');
  await page.goto(`${house.url}/dashboard/workflows/${id}?task=${id}.1`);
  await page.getByRole('region', { name: 'Why' }).getByText('It waits for 1').waitFor();
  await page.locator('[data-state="live"]').waitFor();
  gates.get('stream')();
  await page.getByRole('log', { name: 'Streamed text' }).getByText('To be, or not to be').waitFor();
  await page.getByText('60% · at 60').waitFor();
  await picture(page, 'task-streaming');
  await until(() => gates.has('spoken'), 'Speak waits');
  gates.get('spoken')();
  await page.getByRole('region', { name: 'Result' }).getByText('Speak').waitFor();
  await context.close();
});

test('new workflows and what others do to them show in the list and in the events', async () => {
  const { page, context } = await openPage();
  const events = await context.newPage();
  await page.goto(`${house.url}/dashboard/workflows`);
  await page.getByRole('grid', { name: 'Workflows' }).waitFor();
  await events.goto(`${house.url}/dashboard/events`);
  await events.getByRole('grid', { name: 'Events' }).waitFor();
  const id = await house.submit({ name: 'By somebody else', tasks: [task('Held', [], { values: { gate: 'else' } })] });
  await page.getByRole('row', { name: /By somebody else/ }).getByText('Running').waitFor();
  await house.rest('POST', `/workflows/${id}/pause`);
  await page.getByRole('row', { name: /By somebody else/ }).getByText('Paused').waitFor();
  await events.getByRole('row', { name: /workflow paused.*By somebody else/ }).waitFor();
  await events.getByRole('button', { name: 'Freeze' }).click();
  await house.rest('POST', `/workflows/${id}/resume`);
  await events.getByRole('button', { name: /Go on \(1 new\)/ }).click();
  await events.getByRole('row', { name: /workflow resumed/ }).waitFor();
  gates.get('else')();
  await context.close();
});

test('Now shows what was before it was opened, and how the services do', async () => {
  await house.status(await house.submit({ name: 'Before the page', tasks: [task('Counted')] }), 'completed');
  await until(async () => (await house.read('/stats/history')).completed.some((count) => count > 0), 'the server has a sample of it');
  const { page, context, notes } = await openPage();
  await page.goto(`${house.url}/dashboard`);
  const rows = page.getByRole('figure').filter({ hasText: 'Throughput' }).getByRole('row');
  await until(async () => (await rows.allTextContents()).some((row) => /[1-9][\d.]*\/s/.test(row)), 'a moment of the past has throughput');
  await page.getByRole('region', { name: 'Services' }).getByText(/of 50 slots · \d+% · p95/).waitFor();
  assert.deepEqual(notes, { errors: [], foreign: [], violations: [] });
  await context.close();
});

test('a replay goes through the run from its beginning', async () => {
  const { page, context } = await openPage();
  const id = await house.submit({ name: 'Replayed', tasks: [task('A'), task('B', ['A']), task('C', ['B'])] });
  await house.status(id, 'completed');
  await page.goto(`${house.url}/dashboard/workflows/${id}/tasks`);
  await page.getByRole('button', { name: 'Replay' }).click();
  const moment = page.getByRole('slider', { name: 'Moment of the run' });
  await page.getByRole('row', { name: /\bC\b/ }).getByText('Pending').waitFor();
  assert.equal(await moment.inputValue(), '0');
  await moment.focus();
  await page.keyboard.press('End');
  await page.getByRole('row', { name: /\bC\b/ }).getByText('Completed').waitFor();
  await page.getByRole('button', { name: 'Back to now' }).click();
  await context.close();
});

test('the server restarts in the middle: a banner, and then everything that happened meanwhile', async () => {
  const { page, context, notes } = await openPage();
  const id = await house.submit({ name: 'Survivor', tasks: [task('Before', [], { values: { gate: 'before' } }), task('After', ['Before'])] });
  await page.goto(`${house.url}/dashboard/workflows/${id}/tasks`);
  await page.locator('[data-state="live"]').waitFor();
  const events = await context.newPage();
  await events.goto(`${house.url}/dashboard/events`);
  await events.getByRole('row', { name: /Survivor/ }).first().waitFor();
  await until(() => gates.has('before'), 'Before runs');
  // What was missed is read late, so that something new is told before it.
  let read;
  const later = new Promise((resolve) => { read = resolve; });
  await events.route(/\/api\/v1\/events\?/, async (route) => { await later; await route.continue(); });
  await house.end('SIGKILL');
  await page.getByRole('alert').getByText('The server does not answer').waitFor();
  await picture(page, 'banner');
  // News goes by itself: whoever waits for it looks from before it comes.
  const returned = page.getByText('The connection is back').waitFor();
  await house.start();
  await until(() => workshop.registrations > 1, 'the service is back');
  // While the page was away the task ends, and another workflow comes.
  gates.get('before')();
  const other = await house.submit({ name: 'Newcomer', tasks: [task('Quick')] });
  await page.locator('[data-state="live"]').waitFor();
  await returned;
  await house.status(id, 'completed');
  await house.status(other, 'completed');
  await page.getByRole('row', { name: /After/ }).getByText('Completed').waitFor();
  // A tab that nobody sees is given little time.
  await events.bringToFront();
  await events.locator('[data-state="live"]').waitFor();
  await house.status(await house.submit({ name: 'Latecomer', tasks: [task('Quick')] }), 'completed');
  await sleep(500);
  read();
  for (const [words, name] of [['latecomer', /workflow ended.*Latecomer/], ['newcomer', /workflow submitted.*Newcomer/], ['engine', /engine started/], ['survivor', /workflow ended.*Survivor/]]) {
    await events.getByRole('searchbox', { name: 'Filter events' }).fill(words);
    await events.getByRole('row', { name }).last().waitFor();
  }
  // In the order of the log, each once.
  await events.getByRole('searchbox', { name: 'Filter events' }).fill('');
  const seqs = () => events.locator('.line > :first-child').allTextContents();
  await until(async () => (await seqs()).length > 10, 'all events are shown');
  assert.ok((await seqs()).every((seq, at, all) => /^\d+$/.test(seq) && (at === 0 || Number(seq) > Number(all[at - 1]))), (await seqs()).join());
  await page.bringToFront();
  await page.goto(`${house.url}/dashboard`);
  await page.getByText('Newcomer').waitFor();
  assert.deepEqual(notes, { errors: [], foreign: [], violations: [] });
  await context.close();
});

test('an address shows the same to somebody else', async () => {
  const { page, context } = await openPage();
  const id = await house.submit({ id: 'orders/2026 #7', name: 'Own id', tasks: [task('Only')] });
  await house.status(encodeURIComponent(id), 'completed');
  await page.goto(`${house.url}/dashboard/workflows/${encodeURIComponent(id)}/tasks?text=onl&status=completed`);
  await page.getByRole('row', { name: /Only/ }).click();
  await page.getByRole('heading', { name: 'Only', level: 2 }).waitFor();
  const there = page.url();
  const other = await context.newPage();
  await other.goto(there);
  await other.getByRole('heading', { name: 'Only', level: 2 }).waitFor();
  assert.equal(await other.getByRole('searchbox').inputValue(), 'onl');
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: 'Only', level: 2 }).waitFor({ state: 'detached' });
  const { items } = await house.read(`/workflows/${encodeURIComponent(id)}/tasks`);
  await other.goto(`${house.url}/dashboard/tasks/${items[0].id}`);
  await other.waitForURL((url) => url.searchParams.get('task') === items[0].id);
  await context.close();
});

test('a server with a token asks for it, takes no wrong one, and keeps it in the tab alone', async () => {
  const locked = await new House({ token: 'open sesame' }).start();
  try {
    await locked.service('Workshop', async () => 1);
    const id = await locked.submit({ name: 'Treasure', tasks: [task('Gold')] });
    const { page, context, notes } = await openPage();
    await page.goto(`${locked.url}/dashboard/workflows/${id}/tasks`);
    const field = page.getByRole('textbox', { name: 'Key' });
    await field.fill('open barley');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('This server has no such key').waitFor();
    assert.equal(await page.getByText('Treasure').count(), 0);
    await picture(page, 'login-wrong');
    await field.fill('open sesame');
    await page.keyboard.press('Enter');
    await page.getByRole('row', { name: /Gold/ }).getByText('Completed').waitFor();
    await page.locator('[data-state="live"]').waitFor();
    assert.equal(await page.evaluate(() => Object.values(localStorage).includes('open sesame') || document.cookie.includes('sesame')), false);
    assert.ok(!page.url().includes('sesame'));
    assert.deepEqual(notes, { errors: [], foreign: [], violations: [] });
    await context.close();
  } finally {
    await locked.close();
  }
});
