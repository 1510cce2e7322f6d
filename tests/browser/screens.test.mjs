// Every screen on a live server: it shows what is there, breaks no rule of accessibility, asks nobody else for
// anything, and keeps to its policy; in the dark and in the light.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { closeBrowser, House, misfits, openPage, picture, serious, settled, task, until } from './house.mjs';

/** Compressed bytes of the first load: nobody should wait for a page on a slow link. */
const FIRST_LOAD_BYTES = 115 * 1024;

const house = new House();
const known = {};

before(async () => {
  await house.start();
  let open;
  known.gate = new Promise((resolve) => { open = resolve; });
  known.open = open;
  await house.service('Workshop', async ({ external_parameters: values }, progress) => {
    if (values.fail) throw new Error('the mill is jammed');
    if (values.hold) {
      progress(40, 'pass 40 of 100');
      await known.gate;
    }
    return { step: values.step, figures: [1, 2, 3], deep: { text: 'ground' } };
  });
  await house.service('Press', async () => 1, { slots: 70 });
  for (let at = 0; at < 3; at += 1) await house.submit({ name: `Nightly import ${at}`, tags: ['import'], tasks: [task('Read'), task('Mill', ['Read'])] });
  known.failed = await house.submit({ name: 'Broken import', tasks: [task('Read', [], { values: { fail: true } }), task('Mill', ['Read'])] });
  await house.status(known.failed, 'failed');
  const regions = Array.from({ length: 12 }, (_, at) => task(`region_${at}`, ['Open']));
  known.run = await house.submit({ name: 'Monthly report', description: 'All regions.', tags: ['report'], tasks: [task('Open'), ...regions,
    task('Gather', regions.map(({ name }) => name), { values: { hold: true } }), task('Send', ['Gather']), { ...task('Archive', ['Open']), service: 'Nobody' }] });
  await until(async () => (await house.taskOf(known.run, 'Gather')).status === 'processing', 'Gather runs');
});

after(async () => {
  known.open();
  await closeBrowser();
  await house.close();
});

/** Where each screen lies, and what has to be there before it is looked at. */
const screens = () => [
  ['now', '', 'text=Monthly report'],
  ['workflows', '/workflows', 'text=Nightly import 2'],
  ['run-graph', `/workflows/${known.run}`, '[data-graph-ready]'],
  ['run-timeline', `/workflows/${known.run}/timeline`, 'text=Critical path'],
  ['run-tasks', `/workflows/${known.run}/tasks`, 'text=region_11'],
  ['run-data', `/workflows/${known.run}/data`, 'text="figures"'],
  ['run-events', `/workflows/${known.run}/events`, 'text=workflow submitted'],
  ['run-definition', `/workflows/${known.run}/definition`, 'text=custom_processing'],
  ['task-waiting', `/workflows/${known.run}?task=${known.run}.15`, 'text=none of the'],
  ['task-running', `/workflows/${known.run}?task=${known.run}.13`, 'text=pass 40 of 100'],
  ['task-failed', `/workflows/${known.failed}?task=${known.failed}.0`, 'text=the mill is jammed'],
  ['services', '/services', 'text=Workshop-node'],
  ['service', '/services/Workshop-node', 'text=Runs now'],
  ['events', '/events', 'text=task completed'],
  ['errors', '/errors', 'text=GZ2002'],
  ['error', '/errors/GZ2001', 'text=the mill is jammed'],
  ['webhooks', '/webhooks', 'text=Nobody outside is told'],
  ['submit', '/submit', 'text=valid, 3 tasks'],
  ['admin-open', '/admin', 'text=This server asks nobody for a key'],
  ['server', '/admin/server', 'text=durable up to seq'],
];

for (const dark of [true, false]) {
  test(`every screen in the ${dark ? 'dark' : 'light'}`, async () => {
    const { page, context, notes } = await openPage({ dark });
    for (const [name, path, ready] of screens()) {
      await page.goto(`${house.url}/dashboard${path}`);
      await page.locator(ready).first().waitFor();
      await page.locator('text=Reading').first().waitFor({ state: 'hidden' });
      const found = await serious(page);
      assert.deepEqual(found, [], `${name}: ${JSON.stringify(found, null, 1)}`);
      await picture(page, `${name}-${dark ? 'dark' : 'light'}`);
    }
    assert.deepEqual(notes, { errors: [], foreign: [], violations: [] });
    await context.close();
  });
}

test('every screen fits into a hand', async () => {
  const { page, context, notes } = await openPage({ viewport: { width: 400, height: 800 }, hasTouch: true });
  for (const [name, path, ready] of screens()) {
    await page.goto(`${house.url}/dashboard${path}`);
    await page.locator(ready).first().waitFor({ state: 'attached' });
    await page.locator('text=Reading').first().waitFor({ state: 'hidden' });
    // What is still being laid out may stick out for a moment.
    await settled(async () => assert.deepEqual(await misfits(page), { wide: [], upon: 0 }, name));
    await picture(page, `${name}-narrow`);
  }
  await page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'Workflows' }).tap();
  await page.getByRole('row', { name: /Monthly report/ }).waitFor();
  assert.deepEqual(notes, { errors: [], foreign: [], violations: [] });
  await context.close();
});

test('an address that leads nowhere says so, and shows the ways on', async () => {
  const { page, context } = await openPage();
  const go = (path) => page.goto(`${house.url}/dashboard${path}`);
  await go('/workflows/nobody-knows-it');
  await page.getByRole('alert').getByText('The workflow nobody-knows-it cannot be shown').waitFor();
  await page.getByRole('alert').getByRole('link', { name: 'All workflows' }).click();
  await page.getByRole('row', { name: /Monthly report/ }).waitFor();
  await go('/workflows?status=nonsense');
  await page.getByRole('alert').getByText('status=nonsense is unknown').waitFor();
  await page.getByRole('button', { name: 'Remove the condition status nonsense' }).click();
  await page.getByRole('row', { name: /Monthly report/ }).waitFor();
  await go(`/workflows/${known.run}/nonsense`);
  await page.locator('[data-graph-ready]').waitFor();
  await go(`/workflows/${known.run}?task=${known.run}.999`);
  await page.getByRole('complementary').getByText('This task cannot be shown').waitFor();
  await page.getByRole('complementary').getByRole('button', { name: 'Close it' }).click();
  await page.getByRole('complementary').waitFor({ state: 'detached' });
  await go('/errors/GZ9999');
  await page.getByText('No code of this program').waitFor();
  await go('/services/nobody');
  await page.getByText('No service goes by this name').waitFor();
  await go('/nowhere');
  await page.getByText('There is no such page').waitFor();
  await context.close();
});

test('a long chain is shown so that its names can be read', async () => {
  const id = await house.submit({ name: 'Chain', tasks: Array.from({ length: 40 }, (_, at) => ({ ...task(`Step ${at}`, at > 0 ? [`Step ${at - 1}`] : []), service: 'Nobody' })) });
  const { page, context } = await openPage();
  await page.goto(`${house.url}/dashboard/workflows/${id}`);
  await page.locator('[data-graph-ready="40"] canvas[data-scale]').waitFor();
  const scale = Number(await page.locator('canvas[data-scale]').getAttribute('data-scale'));
  assert.ok(scale > 0.6, `names are drawn at ${scale} of their size`);
  await picture(page, 'run-chain');
  await context.close();
});

test('the first load is small, comes compressed, and is kept', async () => {
  for (const path of ['', `/workflows/${known.run}`]) {
    const { page, context } = await openPage();
    let bytes = 0;
    const responses = [];
    page.on('response', (response) => responses.push(response));
    await page.goto(`${house.url}/dashboard${path}`);
    await page.locator(path ? '[data-graph-ready]' : 'text=Monthly report').first().waitFor();
    for (const response of responses) {
      if (!new URL(response.url()).pathname.startsWith('/static/') && !response.url().includes('/dashboard')) continue;
      assert.equal(response.headers()['content-encoding'], 'gzip', response.url());
      assert.match(response.headers().etag, /^"[0-9a-f]{16}-gzip"$/);
      bytes += (await response.request().sizes()).responseBodySize;
    }
    assert.ok(bytes > 50_000 && bytes <= FIRST_LOAD_BYTES, `${path || '/'} takes ${bytes} bytes`);
    console.log(`first load of ${path ? 'a run' : 'Now'}: ${bytes} bytes`);
    await context.close();
  }
});

test('what is preloaded is what the frame is made of', async () => {
  const { page, context } = await openPage();
  const loaded = new Set();
  await page.route('**/static/*/screens/*', (route) => route.abort());
  page.on('request', (request) => { if (request.url().endsWith('.js')) loaded.add(new URL(request.url()).pathname); });
  await page.goto(`${house.url}/dashboard`);
  await page.locator('text=Keyboard').first().waitFor();
  const named = await page.$$eval('link[rel=modulepreload], script[src]', (elements) => elements.map((element) => new URL(element.href || element.src).pathname));
  const screens = [...loaded].filter((path) => path.includes('/screens/'));
  assert.equal(screens.length, 1);
  assert.deepEqual([...loaded].filter((path) => !path.includes('/screens/')).sort(), named.sort());
  await context.close();
});

test('files of the dashboard answer to those who ask again, and to those who read no gzip', async () => {
  const page = await (await fetch(house.url)).text();
  const path = /src="(\/static\/[^"]+app\.js)"/.exec(page)[1];
  const first = await fetch(`${house.url}${path}`, { headers: { 'accept-encoding': 'gzip' } });
  assert.match(first.headers.get('cache-control'), /immutable/);
  const again = await fetch(`${house.url}${path}`, { headers: { 'accept-encoding': 'gzip', 'if-none-match': first.headers.get('etag') } });
  assert.equal(again.status, 304);
  const plain = await fetch(`${house.url}${path}`, { headers: { 'accept-encoding': 'identity' } });
  assert.equal(plain.headers.get('content-encoding'), null);
  assert.notEqual(plain.headers.get('etag'), first.headers.get('etag'));
  assert.equal(await plain.text(), await first.text());
  const old = await fetch(`${house.url}/static/0000000000000000/app.js`);
  assert.equal(old.headers.get('cache-control'), 'no-cache');
  for (const missing of ['nothing.js', '..%2f..%2fCargo.toml', 'vendor/package.json']) {
    assert.equal((await fetch(`${house.url}/static/x/${missing}`)).status, 404, missing);
  }
  const policy = first.headers.get('content-security-policy');
  assert.ok(!policy.includes('unsafe') && policy.includes("script-src 'self'"), policy);
});
