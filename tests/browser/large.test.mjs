// Runs of 10,000 and of 100,000 tasks open, fold, and are followed while they run. How long that takes is told and not
// asserted: it says more about the machine than about the page.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { closeBrowser, House, openPage, picture, until } from './house.mjs';

const house = new House();
let release;
const gate = new Promise((resolve) => { release = resolve; });

before(async () => {
  await house.start();
  await house.service('Workshop', async () => { await gate; return 1; }, { slots: 400 });
});

after(async () => {
  release();
  await closeBrowser();
  await house.close();
});

/** Layers of equal width; each task waits for one of the layer before. */
function layered(name, total, service) {
  const width = Math.ceil(total / 10);
  const tasks = Array.from({ length: total }, (_, at) => ({
    id: `t${at}`, name: `step ${Math.floor(at / width)} of part ${at % width}`, external: 'custom', service, external_parameters: {}, dependencies: at < width ? [] : [`t${at - width}`],
  }));
  return { name, tasks };
}

/** From the address to the picture. */
async function opening(page, id, tab) {
  const begin = performance.now();
  await page.goto(`${house.url}/dashboard/workflows/${id}/${tab}`);
  if (tab === 'graph') await page.locator('[data-graph-ready] canvas[data-drawn]').waitFor();
  else await page.getByRole('row').nth(5).waitFor();
  return Math.round(performance.now() - begin);
}

test('10,000 tasks', async () => {
  const id = await house.submit(layered('Ten thousand', 10_000, 'Workshop'));
  await until(async () => (await house.read(`/workflows/${id}`)).status === 'running', 'it runs');
  const { page, context, notes } = await openPage();
  let bytes = 0;
  page.on('response', async (response) => { if (response.url().endsWith('/graph')) bytes = (await response.body()).length; });
  const ms = await opening(page, id, 'graph');
  const nodes = Number(await page.locator('[data-graph-ready]').getAttribute('data-graph-ready'));
  assert.equal(nodes, 10, 'ten layers of tasks that are alike are ten stacks');
  console.log(`10,000 tasks: open after ${ms} ms, placed in ${await page.locator('[data-layout-ms]').getAttribute('data-layout-ms')} ms, ${bytes} bytes of JSON`);
  await picture(page, 'run-10000-folded');
  await page.getByRole('button', { name: 'Unfold all' }).click();
  await page.locator('[data-graph-ready="10000"]').waitFor();
  console.log(`10,000 tasks unfolded: placed in ${await page.locator('[data-layout-ms]').getAttribute('data-layout-ms')} ms`);
  await picture(page, 'run-10000-unfolded');
  console.log(`10,000 tasks as a table: ${await opening(page, id, 'tasks')} ms`);
  const drawn = await page.getByRole('row').count();
  assert.ok(drawn < 80, `${drawn} rows are drawn`);
  await page.getByRole('grid').focus();
  await page.keyboard.press('End');
  await page.getByText('step 9 of part 999').waitFor();
  // All of it runs to its end while the page looks on.
  release();
  await house.status(id, 'completed');
  await page.locator('header .title .s-completed').first().waitFor();
  await page.getByText('10,000 completed').waitFor();
  console.log(`10,000 tasks on the timeline: ${await timeline(page, id)} ms`);
  assert.deepEqual(notes, { errors: [], foreign: [], violations: [] });
  await context.close();
});

async function timeline(page, id) {
  const begin = performance.now();
  await page.goto(`${house.url}/dashboard/workflows/${id}/timeline`);
  await page.getByText('Critical path (10)').waitFor();
  return Math.round(performance.now() - begin);
}

test('100,000 tasks', async () => {
  const id = await house.submit(layered('Hundred thousand', 100_000, 'Nobody'));
  const { page, context, notes } = await openPage();
  const ms = await opening(page, id, 'graph');
  assert.equal(await page.locator('[data-graph-ready]').getAttribute('data-graph-ready'), '10');
  console.log(`100,000 tasks: open after ${ms} ms, placed in ${await page.locator('[data-layout-ms]').getAttribute('data-layout-ms')} ms`);
  await picture(page, 'run-100000');
  assert.deepEqual(notes, { errors: [], foreign: [], violations: [] });
  await context.close();
});
