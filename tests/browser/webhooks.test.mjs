// Receivers outside: what they were told, one that stops taking it, and the way back.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { closeBrowser, House, openPage, picture, task, until } from './house.mjs';

// One try for each end, and two that are given up disable the webhook: nobody waits for a pause here.
const house = new House({ config: '[http]\nallow = ["127.0.0.1"]\n[webhooks.subscriptions]\ntries = 1\ndisable_after = 2\n' });
let answer = 200;
const told = [];
const receiver = createServer((request, response) => {
  let body = '';
  request.on('data', (data) => { body += data; });
  request.on('end', () => {
    told.push(JSON.parse(body));
    response.writeHead(answer).end();
  });
});
let hook;

before(async () => {
  await house.start();
  await house.service('Workshop', async () => 1);
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { status, body } = await house.rest('POST', '/webhooks', { url: `http://127.0.0.1:${receiver.address().port}/hooks`, events: ['workflow.*'], description: 'tells the shop' });
  assert.equal(status, 201, JSON.stringify(body));
  hook = body;
});

after(async () => {
  await closeBrowser();
  receiver.close();
  await house.close();
});

const standing = async () => (await house.read(`/webhooks/${hook.id}`)).status;

test('a webhook is followed, mended, and goes on', async () => {
  const { page, context, notes } = await openPage();
  await house.status(await house.submit({ name: 'Told', tasks: [task('Only')] }), 'completed');
  await page.goto(`${house.url}/dashboard/webhooks`);
  await page.getByRole('row', { name: /Enabled.*hooks/ }).click();
  await page.getByRole('heading', { name: hook.url, level: 1 }).waitFor();
  await page.getByRole('row', { name: /Delivered.*workflow.completed/ }).waitFor();

  // The receiver refuses: the webhook fails, and both screens say so.
  answer = 500;
  await house.status(await house.submit({ name: 'Refused first', tasks: [task('Only')] }), 'completed');
  await page.getByText(/It has been failing since .*: the receiver answered 500/).waitFor();
  await page.getByText('Failing', { exact: true }).waitFor();
  await picture(page, 'webhook-failing');
  await page.goto(`${house.url}/dashboard`);
  const needs = page.getByRole('region', { name: 'What needs somebody' }).getByRole('listitem').filter({ hasText: hook.url });
  await needs.getByText('fails: the receiver answered 500').waitFor();
  assert.equal(await page.getByText(hook.id).count(), 0, 'it is told once, with the way to it');
  await needs.getByRole('link', { name: 'Look' }).click();

  // Another end is given up, the webhook disabled, and Now says so.
  await house.status(await house.submit({ name: 'Refused', tasks: [task('Only')] }), 'completed');
  await until(async () => (await standing()) === 'disabled', 'it is disabled');
  await page.getByText('It was disabled').waitFor();
  await page.getByRole('row', { name: /Given up.*500/ }).nth(1).waitFor();
  await picture(page, 'webhook-disabled');
  await page.goto(`${house.url}/dashboard`);
  const need = page.getByRole('region', { name: 'What needs somebody' }).getByRole('listitem').filter({ hasText: 'The webhook to' });
  await need.getByText('is disabled').waitFor();
  await need.getByRole('link', { name: 'Look' }).click();

  // Mended: what was given up is sent once more, and it goes on.
  answer = 200;
  // News goes by itself: whoever waits for it looks from before it comes.
  await Promise.all([page.getByText('The receiver took it (200)').waitFor(), page.getByRole('row', { name: /Given up/ }).first().getByRole('button', { name: 'Send again' }).click()]);
  await page.getByRole('button', { name: 'Resume' }).click();
  await until(async () => (await standing()) === 'enabled', 'it is enabled');
  await page.getByRole('button', { name: 'Pause' }).click();
  await until(async () => (await standing()) === 'paused', 'it is paused');
  await page.getByRole('button', { name: 'Undo' }).click();
  await until(async () => (await standing()) === 'enabled', 'it is enabled again');
  const before_ = told.length;
  await page.getByRole('button', { name: 'Send a test' }).click();
  await until(() => told.length > before_, 'the test has come');
  assert.deepEqual(notes, { errors: [], foreign: [], violations: [] });
  await context.close();
});
