// Each thing that a person can do changes the real state of the server, and what cannot be taken back is asked for first.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { closeBrowser, House, openPage, picture, task, until } from './house.mjs';

const house = new House();
let page;
let notes;
let jammed = true;
/** Tasks that hold on until they are let go. */
const gates = new Map();

before(async () => {
  await house.start();
  await house.service('Workshop', async ({ external_parameters: values }) => {
    if (values.jams && jammed) throw new Error('the mill is jammed');
    if (values.gate) await new Promise((resolve) => { gates.set(values.gate, resolve); });
    return { given: values.grain ?? 'none' };
  }, { slots: 20 });
  ({ page, notes } = await openPage());
});

after(async () => {
  await closeBrowser();
  for (const open of gates.values()) open();
  await house.close();
});

const open = (path) => page.goto(`${house.url}/dashboard${path}`);
const press = (name) => page.getByRole('button', { name, exact: true }).click();
/** Puts a text in the place of what is in an editor, as people do it: they select all and paste. */
async function write(editor, text) {
  await page.evaluate((copied) => navigator.clipboard.writeText(copied), text);
  await editor.click();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Control+v');
}

const inDialog = (name) => page.getByRole('dialog').getByRole('button', { name, exact: true }).click();

test('a run is paused, the message takes it back, and it is paused and resumed', async () => {
  const id = await house.submit({ name: 'Pausing', tasks: [task('First', [], { values: { gate: 'pausing' } }), task('Second', ['First'])] });
  await open(`/workflows/${id}`);
  await press('Pause');
  await house.status(id, 'paused');
  await press('Undo');
  await house.status(id, 'running');
  await press('Pause');
  await house.status(id, 'paused');
  await page.locator('header .title .s-paused').first().waitFor();
  await press('Resume');
  await house.status(id, 'running');
  await until(() => gates.has('pausing'), 'First runs');
  gates.get('pausing')();
  await house.status(id, 'completed');
  await page.locator('header .title .s-completed').first().waitFor();
});

test('a run is cancelled only after a word of confirmation, and runs again', async () => {
  const id = await house.submit({ name: 'Cancelling', tasks: [task('Long', [], { values: { gate: 'cancelling' } })] });
  await open(`/workflows/${id}`);
  await press('Cancel');
  await inDialog('Leave it');
  assert.equal((await house.read(`/workflows/${id}`)).status, 'running');
  await press('Cancel');
  await inDialog('Cancel it');
  await house.status(id, 'cancelled');
  await press('Run it again');
  await house.status(id, 'running');
});

test('a failed task is retried with its reason in the log', async () => {
  jammed = true;
  const id = await house.submit({ name: 'Retrying', tasks: [task('Mill', [], { values: { jams: true } }), task('Bake', ['Mill'])] });
  await house.status(id, 'failed');
  await open(`/workflows/${id}`);
  await page.locator('[data-graph-ready]').waitFor();
  await page.keyboard.press('f');
  await page.getByRole('complementary').getByText('the mill is jammed').first().waitFor();
  jammed = false;
  await page.getByRole('complementary').getByRole('button', { name: 'Retry', exact: true }).click();
  await page.getByRole('dialog').getByRole('textbox').fill('mended the shaft');
  await inDialog('Retry');
  await house.status(id, 'completed');
  const { items } = await house.read(`/workflows/${id}/events`);
  assert.equal(items.find((event) => event.type === 'tasks_retried').reason, 'mended the shaft');
});

test('a task is retried with other parameters', async () => {
  jammed = true;
  const id = await house.submit({ name: 'Editing', tasks: [task('Mill', [], { values: { jams: true, grain: 'rye' } })] });
  await house.status(id, 'failed');
  const mill = await house.taskOf(id, 'Mill');
  await open(`/workflows/${id}?task=${mill.id}`);
  await press('Retry with other parameters');
  const editor = page.getByRole('dialog').getByRole('textbox', { name: 'Parameters' });
  await editor.waitFor();
  await page.locator('.cm-content').waitFor();
  await write(editor, JSON.stringify({ ...(await house.read(`/tasks/${mill.id}`)).parameters, external_parameters: { step: 'Mill', grain: 'wheat' } }));
  await page.getByText('"jams":null').waitFor();
  await picture(page, 'retry-with-other-parameters');
  await inDialog('Retry');
  await house.status(id, 'completed');
  const done = await house.read(`/tasks/${mill.id}`);
  assert.deepEqual(done.result, { given: 'wheat' });
  assert.equal(done.parameters_edited, true);
  await page.getByRole('complementary').getByText('edited').waitFor();
});

test('what is no JSON is not sent', async () => {
  jammed = true;
  const id = await house.submit({ name: 'Mistyped', tasks: [task('Mill', [], { values: { jams: true } })] });
  await house.status(id, 'failed');
  await open(`/workflows/${id}?task=${(await house.taskOf(id, 'Mill')).id}`);
  await press('Retry with other parameters');
  await page.locator('.cm-content').waitFor();
  await write(page.getByRole('dialog').getByRole('textbox', { name: 'Parameters' }), '{"a": ');
  await page.getByText('This is not JSON yet').waitFor();
  assert.ok(await page.getByRole('dialog').getByRole('button', { name: 'Retry', exact: true }).isDisabled());
  await page.keyboard.press('Escape');
});

test('a task is skipped with a value, and those after it run with it', async () => {
  jammed = true;
  const id = await house.submit({ name: 'Skipping', tasks: [task('Mill', [], { values: { jams: true } }), task('Bake', ['Mill'], { values: { grain: '{{Mill.result.flour}}' } })] });
  await house.status(id, 'failed');
  await open(`/workflows/${id}?task=${(await house.taskOf(id, 'Mill')).id}`);
  await press('Skip');
  await page.getByText('Give those after it a value').click();
  await page.locator('.cm-content').waitFor();
  await write(page.getByRole('dialog').getByRole('textbox', { name: 'Value' }), '{"flour": "from the neighbour"}');
  await inDialog('Skip it');
  await house.status(id, 'completed');
  assert.deepEqual((await house.read(`/tasks/${(await house.taskOf(id, 'Bake')).id}`)).result, { given: 'from the neighbour' });
  assert.equal((await house.taskOf(id, 'Mill')).status, 'skipped');
});

test('one task is cancelled', async () => {
  const id = await house.submit({ name: 'One of two', tasks: [task('Goes on', [], { values: { gate: 'goes on' } }), task('Ends', [], { values: { gate: 'ends' } })] });
  await until(async () => (await house.taskOf(id, 'Ends')).status === 'processing', 'Ends runs');
  await open(`/workflows/${id}?task=${(await house.taskOf(id, 'Ends')).id}`);
  await page.getByRole('complementary').getByRole('button', { name: 'Cancel', exact: true }).click();
  await inDialog('Cancel it');
  await until(async () => (await house.taskOf(id, 'Ends')).status === 'cancelled', 'Ends is cancelled');
  assert.equal((await house.taskOf(id, 'Goes on')).status, 'processing');
});

test('a task says why it waits, and leads to what it waits for', async () => {
  const id = await house.submit({ name: 'Waiting', tasks: [task('Held', [], { values: { gate: 'waiting' } }), task('Waits', ['Held']), { ...task('Forlorn'), service: 'Nobody' }] });
  await until(async () => (await house.taskOf(id, 'Held')).status === 'processing', 'Held runs');
  await open(`/workflows/${id}?task=${(await house.taskOf(id, 'Waits')).id}`);
  const why = page.getByRole('region', { name: 'Why' });
  await why.getByText('It waits for 1 of its dependencies').waitFor();
  await why.getByRole('button', { name: /Held/ }).click();
  await page.getByRole('heading', { name: 'Held', level: 2 }).waitFor();
  await page.getByRole('region', { name: 'Why' }).getByText('Runs on Workshop-node').waitFor();
  await open(`/workflows/${id}?task=${(await house.taskOf(id, 'Forlorn')).id}`);
  await page.getByText('none of the').waitFor();
  gates.get('waiting')();
  await until(async () => (await house.taskOf(id, 'Waits')).status === 'completed', 'Waits has run');
});

test('a service is drained, and the message takes it back', async () => {
  const { socket } = await house.service('Mangle', async () => 1);
  await open('/services/Mangle-node');
  await press('Drain');
  await until(async () => (await house.read('/services/Mangle-node')).draining, 'Mangle is drained');
  await page.locator('.s-draining').first().waitFor();
  await press('Undo');
  await until(async () => !(await house.read('/services/Mangle-node')).draining, 'Mangle takes work');
  socket.disconnect();
  await page.locator('.s-offline').first().waitFor();
  // Whoever comes later is told of it as well, apart from those that are here.
  await until(async () => (await house.read('/services')).gone.some((one) => one.name === 'Mangle' && one.left === 'clean'), 'Mangle is gone');
  for (const place of ['/services', '/services/Mangle-node', '/services/Mangle']) {
    await open(place);
    await page.getByRole('listitem').filter({ hasText: 'Mangle' }).getByText('said goodbye').waitFor();
  }
  await open('/services');
  await page.getByRole('region', { name: 'Gone' }).getByText('external_custom').waitFor();
  await picture(page, 'services-gone');
});

test('many are chosen and cancelled at once, and what fits a filter is retried', async () => {
  jammed = true;
  const ids = [];
  for (let at = 0; at < 5; at += 1) ids.push(await house.submit({ name: `Batch ${at}`, tags: ['batch'], tasks: [task('Held', [], { values: { gate: `batch ${at}` } })] }));
  await open('/workflows?tag=batch');
  await page.getByText('Batch 4').waitFor();
  await page.getByRole('checkbox', { name: 'Choose all that are loaded' }).click();
  await page.getByRole('group', { name: /chosen/ }).getByRole('button', { name: 'Cancel' }).click();
  await inDialog('Cancel');
  for (const id of ids) await house.status(id, 'cancelled');
  const broken = [];
  for (let at = 0; at < 3; at += 1) broken.push(await house.submit({ name: `Jam ${at}`, tags: ['jam'], tasks: [task('Mill', [], { values: { jams: true } })] }));
  for (const id of broken) await house.status(id, 'failed');
  jammed = false;
  await open('/workflows?status=failed&tag=jam');
  await page.getByText('Jam 2').waitFor();
  await page.getByRole('group', { name: /all that fit/ }).getByRole('button', { name: 'Retry' }).click();
  await page.getByRole('dialog', { name: 'Retry 3 workflows?' }).waitFor();
  await inDialog('Retry');
  for (const id of broken) await house.status(id, 'completed');
});

test('failed tasks are retried by the code of their error', async () => {
  jammed = true;
  const id = await house.submit({ name: 'By code', tasks: [task('Mill', [], { values: { jams: true } })] });
  await house.status(id, 'failed');
  jammed = false;
  await open('/errors/GZ2001');
  await page.getByText('By code').first().waitFor();
  await press('Retry them all');
  await inDialog('Retry');
  await house.status(id, 'completed');
});

test('a workflow is written with help, submitted, and run again as another one', async () => {
  await open('/submit');
  await page.locator('.cm-content').waitFor();
  const editor = page.getByRole('textbox', { name: 'Workflow as YAML or JSON' });
  await write(editor, 'name: Typed\ntasks:\n  - name: Count\n    functoin: count_words\n');
  await page.getByText('did you mean `function`').first().waitFor();
  assert.ok(await page.getByRole('main').getByRole('button', { name: 'Submit', exact: true }).isDisabled());
  await picture(page, 'submit-mistake');
  await write(editor, 'name: Typed\ntasks:\n  - name: Count\n    function: count_words\n    args: ["to be or not to be"]\n  - name: Twice\n    function: hash_text\n    args: ["n is {{Count.result}}"]\n');
  await page.getByText('valid, 2 tasks').waitFor();
  await page.locator('[data-graph-ready="2"]').waitFor();
  await page.getByRole('main').getByRole('button', { name: 'Submit', exact: true }).click();
  await page.waitForURL('**/workflows/*');
  const id = decodeURIComponent(new URL(page.url()).pathname.split('/').pop());
  await house.status(id, 'completed');
  await page.getByRole('link', { name: 'Run as new' }).click();
  await page.getByText('valid, 2 tasks').waitFor();
  await page.getByRole('main').getByRole('button', { name: 'Submit', exact: true }).click();
  await page.waitForURL((url) => /workflows/.test(url.pathname) && !url.pathname.endsWith(id));
  const again = decodeURIComponent(new URL(page.url()).pathname.split('/').pop());
  await house.status(again, 'completed');
  assert.equal((await house.read(`/workflows/${again}/results`)).results.Count, (await house.read(`/workflows/${id}/results`)).results.Count);
});

test('commands are copied as they can be pasted', async () => {
  const id = await house.submit({ name: "It's here", tasks: [task('Mill')] });
  await house.status(id, 'completed');
  const mill = await house.taskOf(id, 'Mill');
  await open(`/workflows/${id}?task=${mill.id}`);
  await page.getByRole('complementary').getByRole('button', { name: 'curl' }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `curl ${house.url}/api/v1/tasks/${mill.id}`);
  await page.getByRole('complementary').getByRole('button', { name: 'Copy CLI' }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `gleitzeit inspect ${mill.id} --url ${house.url}`);
});

test('nothing of all this went wrong on the page', () => {
  assert.deepEqual(notes, { errors: [], foreign: [], violations: [] });
});
