// Whatever others write into names, results and errors is text on every screen, and never a program.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { closeBrowser, House, openPage, picture, until } from './house.mjs';

// One try for each end, and the second that is given up disables the webhook: its screens have every kind of row.
const house = new House({ config: '[http]\nallow = ["127.0.0.1"]\n[webhooks.subscriptions]\ntries = 1\ndisable_after = 2\n' });
const receiver = createServer((request, response) => { request.resume(); response.writeHead(500, { 'content-type': 'text/html' }).end(EVIL); });
/** What would run, if anything of it were taken for markup. */
const EVIL = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
const TEMPLATE = '"><svg onload=window.pwned=1>';
let id;
let hook;

before(async () => {
  await house.start();
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const wanted = { url: `http://127.0.0.1:${receiver.address().port}/${EVIL}?${EVIL}`, events: ['workflow.*', 'task.*'], description: `Hook ${EVIL}`, filter: { tag: [EVIL] } };
  const { status, body } = await house.rest('POST', '/webhooks', wanted);
  assert.equal(status, 201, JSON.stringify(body));
  hook = body.id;
  await house.service(`Evil ${EVIL}`, async ({ external_parameters: values }, progress) => {
    progress(50, EVIL, EVIL);
    if (values.fail) throw new Error(EVIL);
    if (values.hold) await new Promise(() => {});
    return { [EVIL]: EVIL, list: [EVIL, TEMPLATE], html: `<b>${EVIL}</b>` };
  }, { id: `node ${EVIL}`, slots: 9, capabilities: ['custom_processing'] });
  const evil = (name, more = {}) => ({ name, external: 'custom', service: `Evil ${EVIL}`, external_parameters: { [EVIL]: EVIL, ...more }, max_retries: 0, tags: [EVIL], metadata: { [EVIL]: EVIL } });
  id = await house.submit({
    id: `own ${EVIL}`, name: `Name ${EVIL}`, description: EVIL, tags: [EVIL, TEMPLATE], metadata: { [EVIL]: EVIL },
    tasks: [evil(`Good ${EVIL}`), evil(`Bad ${TEMPLATE}${EVIL}`, { fail: true }), evil(`Held ${EVIL}`, { hold: true }), { ...evil(`Waits ${EVIL}`), service: `Nobody ${EVIL}` },
      { ...evil(`After ${EVIL}`), dependencies: [`Held ${EVIL}`] }],
  });
  await until(async () => ['completed,failed,processing'].includes((await house.read(`/workflows/${encodeURIComponent(id)}/tasks`)).items.slice(0, 3).map((task) => task.status).join()), 'the tasks have run');
  await house.rest('POST', `/tasks/${(await house.taskOf(encodeURIComponent(id), `Bad ${TEMPLATE}${EVIL}`)).id}/retry`, { reason: EVIL, by: TEMPLATE });
});

after(async () => {
  await closeBrowser();
  receiver.close();
  await house.close();
});

test('on no screen', async () => {
  const { page, context, notes } = await openPage();
  const run = `/workflows/${encodeURIComponent(id)}`;
  const { items } = await house.read(`${run}/tasks`);
  const paths = ['', '/workflows', '/services', `/services/${encodeURIComponent(`node ${EVIL}`)}`, '/events', '/errors', '/errors/GZ2001', `/workflows?tag=${encodeURIComponent(EVIL)}`, `/errors/${encodeURIComponent(EVIL)}`,
    `/submit?from=${encodeURIComponent(id)}`, '/webhooks', `/webhooks/${hook}`, `/webhooks/${encodeURIComponent(EVIL)}`, `/workflows/${encodeURIComponent(EVIL)}`, run, ...['timeline', 'tasks', 'data', 'events', 'definition'].map((tab) => `${run}/${tab}`),
    ...items.map((task) => `${run}?task=${encodeURIComponent(task.id)}`), `${run}/${encodeURIComponent(EVIL)}`];
  for (const path of paths) {
    await page.goto(`${house.url}/dashboard${path}`);
    await page.locator('[data-state="live"]').waitFor();
    await page.locator('text=Reading').first().waitFor({ state: 'hidden' });
    const found = await page.evaluate(() => ({
      pwned: window.pwned ?? 0, images: document.querySelectorAll('img, iframe, object').length, scripts: [...document.scripts].filter((script) => !script.src).length, handlers: document.querySelectorAll('[onerror], [onload]').length,
    }));
    assert.deepEqual(found, { pwned: 0, images: 0, scripts: 0, handlers: 0 }, path);
  }
  assert.ok(await page.getByText(EVIL, { exact: false }).count() > 0);
  await picture(page, 'hostile');
  assert.deepEqual(notes, { errors: [], foreign: [], violations: [] });
  await context.close();
});

test('not in the palette, the messages and the dialogs', async () => {
  const { page, context, notes } = await openPage();
  const run = `/workflows/${encodeURIComponent(id)}`;
  await page.goto(`${house.url}/dashboard${run}`);
  await page.locator('[data-graph-ready]').waitFor();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill('Name <img');
  await page.getByRole('option', { name: /Name <img/ }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await page.getByText(`Name ${EVIL} is paused`).waitFor();
  await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  await page.getByRole('dialog').getByText(EVIL).waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel it' }).click();
  await house.status(encodeURIComponent(id), 'cancelled');
  assert.equal(await page.evaluate(() => window.pwned ?? 0), 0);
  assert.deepEqual(notes, { errors: [], foreign: [], violations: [] });
  await context.close();
});
