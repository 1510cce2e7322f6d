// The reference of the REST interface: all of it is there, its lines for a shell work, and it keeps to every rule of the
// other pages.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { closeBrowser, House, openPage, picture, until } from './house.mjs';

const run = promisify(execFile);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TOKEN = 'gzt_reference';
/** Operations are alike, and to look at all of them takes minutes. */
const LOOKED_AT = ['.contents', 'h1', '#submit_workflow', '#retry_task', '#follow_events'];
const house = new House({ token: TOKEN });
let operations;

before(async () => {
  await house.start();
  // Nobody needs a token to read how one is used.
  const { paths } = await (await fetch(`${house.url}/openapi.json`)).json();
  operations = Object.values(paths).flatMap((item) => Object.values(item));
});

after(async () => {
  await closeBrowser();
  await house.close();
});

async function open(options, hash = '') {
  const opened = await openPage(options);
  await opened.page.goto(`${house.url}/docs${hash}`);
  await opened.page.waitForSelector('article.operation');
  return opened;
}

/** What axe finds that keeps somebody out. Its program is put in from outside the page, past the page's policy. */
async function serious(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: axe });
  const { result } = await session.send('Runtime.evaluate', { expression: `axe.run(${JSON.stringify(LOOKED_AT)}).then((found) => JSON.stringify(found.violations))`, awaitPromise: true, returnByValue: true });
  return JSON.parse(result.value).filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, nodes }) => ({ id, where: nodes.slice(0, 3).map((node) => `${node.target} ${node.any[0]?.message ?? ''}`) }));
}

for (const dark of [true, false]) {
  test(`every operation is shown, ${dark ? 'dark' : 'light'}`, async () => {
    const { page, context, notes } = await open({ dark });
    const shown = await page.locator('article.operation').evaluateAll((all) => all.map(({ id }) => id));
    assert.deepEqual(shown.sort(), operations.map(({ operationId }) => operationId).sort());
    await page.locator('#retry_task summary', { hasText: 'Members of the body' }).click();
    await picture(page, `reference-${dark ? 'dark' : 'light'}`);
    assert.deepEqual(await serious(page), []);
    assert.deepEqual(notes, { errors: [], foreign: [], violations: [] });
    await context.close();
  });
}

test('a line that is copied works in a shell', async () => {
  const { page, context } = await open({}, '#submit_workflow');
  const line = async (id) => {
    await page.locator(`#${id} .shell button`).click();
    await until(async () => (await page.locator('.said').textContent()) === 'Copied', 'it says that it copied');
    return page.evaluate(() => navigator.clipboard.readText());
  };
  const shell = async (text) => {
    const { stdout } = await run('bash', ['-c', text.replace(/^curl/, 'curl -sS --fail-with-body')], { env: { ...process.env, GLEITZEIT_TOKEN: TOKEN } });
    return stdout;
  };
  assert.equal(JSON.parse(await shell(await line('submit_workflow'))).name, 'Dice');
  await page.locator('#submit_workflow .chip', { hasText: 'application/yaml' }).click();
  const yaml = await line('submit_workflow');
  assert.match(yaml, /content-type: application\/yaml/);
  assert.equal(JSON.parse(await shell(yaml)).total_tasks, 2);
  assert.equal(JSON.parse(await shell(await line('list_workflows'))).items.length, 2);
  const lines = (await shell(await line('submit_workflows'))).trim().split('\n');
  assert.deepEqual(lines.map((text) => JSON.parse(text).code), [201, 201]);
  assert.equal(JSON.parse(await shell(await line('get_error'))).code, 'GZ3003');
  await context.close();
});

test('the keyboard is enough', async () => {
  const { page, context } = await open({});
  const focused = () => page.evaluate(() => document.activeElement?.id);
  await page.keyboard.press('j');
  const first = await focused();
  await page.keyboard.press('j');
  const second = await focused();
  assert.notEqual(first, second);
  assert.equal(new URL(page.url()).hash, `#${second}`);
  await page.keyboard.press('k');
  assert.equal(await focused(), first);
  await page.keyboard.press('/');
  await page.keyboard.type('redeliver');
  assert.equal(await page.locator('article.operation').count(), 1);
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  assert.equal(await focused(), 'redeliver');
  await context.close();
});

test('it fits into a hand', async () => {
  const { page, context } = await open({ viewport: { width: 390, height: 844 } });
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= seen, `${wide} of ${seen}`);
  await picture(page, 'reference-narrow');
  await context.close();
});
