// Who may come in, and what each role is offered.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { closeBrowser, House, openPage, picture, serious, task, until } from './house.mjs';
import { EVIL, field, live, logIn, nothing, open, who } from './login.mjs';

/** Has the form of a key, and is none. */
const NO_KEY = `gzt_${'x'.repeat(43)}`;
const house = new House({ keys: true });
/** One key of each role. */
const keys = {};
let run;

before(async () => {
  await house.start();
  for (const role of ['readonly', 'user', 'operator', 'admin']) keys[role] = await house.keyOf(role);
  keys.service = await house.keyOf('service', { services: ['Workshop'] });
  await house.service('Workshop', async () => { throw new Error('the mill is jammed'); });
  run = await house.submit({ name: 'Broken import', tasks: [task('Read')] });
  await house.status(run, 'failed');
});

after(async () => {
  await closeBrowser();
  await house.close();
});

/** Tries a key that does not open, and waits for the words. */
async function refused(page, secret, words) {
  await field(page).fill(secret);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('alert').getByText(words).waitFor();
  await field(page).waitFor();
}

test('a key is asked for, kept by this tab alone, and forgotten when somebody logs out', async () => {
  const { page, context, notes } = await openPage();
  await page.goto(`${house.url}/dashboard/workflows/${run}/tasks`);
  await field(page).waitFor();
  assert.equal(await page.getByText('Broken import').count(), 0);
  assert.equal(await page.getByRole('navigation', { name: 'Screens' }).getByRole('link').count(), 1, 'no screen is offered');
  await logIn(page, keys.operator.secret);
  await page.getByRole('row', { name: /Read/ }).waitFor();
  await who(page, 'some-operator operator').waitFor();
  assert.equal(new URL(page.url()).pathname, `/dashboard/workflows/${run}/tasks`);
  await page.reload();
  await who(page, 'some-operator operator').waitFor();
  const kept = await page.evaluate(() => [document.cookie, ...Object.values(localStorage)].join());
  assert.ok(!kept.includes('gzt_') && !page.url().includes('gzt_'), kept);
  const other = await context.newPage();
  await other.goto(house.url);
  await field(other).waitFor();
  await page.getByRole('button', { name: 'Log out' }).click();
  await field(page).waitFor();
  assert.ok(!(await page.evaluate(() => Object.values(sessionStorage).join())).includes('gzt_'));
  await page.reload();
  await field(page).waitFor();
  assert.deepEqual(notes, nothing());
  await context.close();
});

test('what is wrong with a key is said', async () => {
  const revoked = await house.keyOf('user', { name: `old ${EVIL}` });
  await house.rest('DELETE', `/keys/${revoked.id}`);
  const expired = await house.keyOf('user', { expires_in_seconds: 1 });
  await until(async () => (await house.rest('GET', '/whoami', undefined, expired.secret)).status === 401, 'the key has expired');
  const { page, context, notes } = await openPage();
  await page.goto(house.url);
  await refused(page, NO_KEY, 'This server has no such key');
  await refused(page, revoked.secret, `(old ${EVIL}) was revoked`);
  await refused(page, expired.secret, 'This key has expired');
  await refused(page, keys.service.secret, 'runs tasks and may look at nothing');
  await picture(page, 'login-refused');
  assert.deepEqual(await serious(page), []);
  await logIn(page, keys.readonly.secret);
  await who(page, 'some-readonly readonly').waitFor();
  assert.equal(await page.evaluate(() => window.pwned ?? 0), 0);
  assert.deepEqual(notes, nothing());
  await context.close();
});

test('after too many wrong keys the wait is told, and a right one comes in', async () => {
  const besieged = await new House({ keys: true }).start();
  try {
    const guess = () => besieged.rest('GET', '/whoami', undefined, 'guessed');
    // A minute may end in between on a slow machine: then it begins anew.
    await until(async () => (await guess()).status === 429, 'the address has to wait', 600_000);
    const { page, context, notes } = await openPage();
    await page.goto(besieged.url);
    await until(async () => {
      await guess();
      await field(page).fill('guessed again');
      const answered = page.waitForResponse((response) => response.url().endsWith('/whoami') && response.request().headers().authorization !== undefined);
      await page.getByRole('button', { name: 'Log in' }).click();
      return (await answered).status() === 429;
    }, 'this page has to wait, too', 600_000);
    await page.getByRole('alert').getByText('Too many wrong keys came from your address').waitFor();
    await page.locator('[data-wait]').waitFor();
    await logIn(page, besieged.key);
    await who(page, 'admin admin').waitFor();
    await live(page);
    assert.deepEqual(notes, nothing());
    await context.close();
  } finally {
    await besieged.close();
  }
});

test('a key that is revoked sends the page back to the login, also where only the socket tells of it', async (t) => {
  for (const silent of [false, true]) {
    // What the page asks with the old key counts as wrong keys of this address: each has a server of its own.
    const own = await new House({ keys: true }).start();
    t.after(() => own.close());
    await own.submit({ name: 'Waits', tasks: [task('Read')] });
    const key = await own.keyOf('user', { name: 'short-lived' });
    const { page, context, notes } = await open(own, '/workflows', key.secret);
    await page.getByRole('row', { name: /Waits/ }).waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog').waitFor();
    // Nothing that is asked from here on is answered, but who somebody is.
    if (silent) await page.route((url) => url.pathname.startsWith('/api/') && !url.pathname.endsWith('/whoami'), () => {});
    await own.rest('DELETE', `/keys/${key.id}`);
    await page.getByRole('heading', { name: 'You were logged out' }).waitFor();
    await page.getByRole('alert').getByText('(short-lived) was revoked').waitFor();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(await page.getByText('Waits').count(), 0);
    assert.ok(!(await page.evaluate(() => Object.values(sessionStorage).join())).includes('gzt_'));
    if (!silent) await picture(page, 'login-revoked');
    await page.unrouteAll();
    await logIn(page, own.key);
    await page.getByRole('row', { name: /Waits/ }).waitFor();
    await live(page);
    assert.deepEqual(notes, nothing());
    await context.close();
  }
});

test('a key that expires sends the page back to the login', async (t) => {
  const own = await new House({ keys: true }).start();
  t.after(() => own.close());
  const { page, context, notes } = await open(own, '', own.key);
  const expired = await own.keyOf('user', { expires_in_seconds: 1 });
  await until(async () => (await own.rest('GET', '/whoami', undefined, expired.secret)).status === 401, 'the key has expired');
  // The page has held this one all along, as far as it knows.
  await page.evaluate((secret) => sessionStorage.setItem('gleitzeit.token', secret), expired.secret);
  await page.getByRole('alert').getByText('This key has expired').waitFor();
  await field(page).waitFor();
  assert.deepEqual(notes, nothing());
  await context.close();
});

test('a role that changes changes what is offered, without a login', async () => {
  await house.rest('POST', '/users', { name: 'changing', role: 'operator' });
  const { body: key } = await house.rest('POST', '/keys', { user: 'changing', name: 'mine', role: 'operator' });
  const { page, context, notes } = await open(house, '/services/Workshop', key.secret);
  await page.getByRole('button', { name: 'Drain' }).waitFor();
  await house.rest('PATCH', '/users/changing', { role: 'readonly' });
  await who(page, 'changing readonly').waitFor();
  assert.equal(await page.getByText('The server does not answer').count(), 0);
  await page.getByRole('button', { name: 'Drain' }).waitFor({ state: 'detached' });
  await live(page);
  await house.rest('PATCH', '/users/changing', { role: 'operator' });
  await who(page, 'changing operator').waitFor();
  await page.getByRole('button', { name: 'Drain' }).waitFor();
  assert.deepEqual(notes, nothing());
  await context.close();
});

const SCREENS = ['Now', 'Workflows', 'Services', 'Events', 'Errors'];
const OFFERS = {
  readonly: { screens: SCREENS, verbs: [], drain: false, submit: false, tabs: null },
  user: { screens: [...SCREENS, 'Submit'], verbs: ['Retry', 'Run as new'], drain: false, submit: true, tabs: null },
  operator: { screens: [...SCREENS, 'Webhooks', 'Submit', 'Admin'], verbs: ['Retry', 'Run as new'], drain: true, submit: true, tabs: ['What was done', 'Server'] },
  admin: { screens: [...SCREENS, 'Webhooks', 'Submit', 'Admin'], verbs: ['Retry', 'Run as new'], drain: true, submit: true, tabs: ['Keys', 'Users', 'What was done', 'Server'] },
};

for (const [role, offered] of Object.entries(OFFERS)) {
  test(`what ${role} may not do is not offered`, async () => {
    const { page, context, notes } = await open(house, '', keys[role].secret);
    await who(page, `some-${role} ${role}`).waitFor();
    const links = page.getByRole('navigation', { name: 'Screens' }).locator('a.item .label');
    assert.deepEqual(await links.allTextContents(), offered.screens);

    await page.goto(`${house.url}/dashboard/workflows/${run}?task=${run}.0`);
    await page.getByRole('complementary').getByText('the mill is jammed').first().waitFor();
    await who(page, role).waitFor();
    const verbs = await page.locator('.run-head .row.flow').first().locator('.button:not(.quiet)').allTextContents();
    assert.deepEqual(verbs, offered.verbs);
    assert.equal(await page.getByRole('complementary').getByRole('button', { name: 'Retry', exact: true }).count(), offered.submit ? 1 : 0);
    await page.keyboard.press('r');
    if (offered.submit) await page.getByRole('dialog', { name: 'Retry this task?' }).getByRole('button', { name: 'Leave it' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });

    await page.goto(`${house.url}/dashboard/workflows?status=failed`);
    await page.getByRole('row', { name: /Broken import/ }).waitFor();
    await who(page, role).waitFor();
    assert.equal(await page.getByRole('checkbox').count() > 0, offered.submit);
    assert.equal(await page.getByRole('group', { name: 'What to do with all that fit' }).count(), offered.submit ? 1 : 0);
    await page.goto(`${house.url}/dashboard/services/Workshop`);
    await page.getByRole('article', { name: 'Workshop' }).waitFor();
    await who(page, role).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Drain' }).count(), offered.drain ? 1 : 0);

    await page.goto(`${house.url}/dashboard/submit`);
    await page.getByText(offered.submit ? 'valid, 3 tasks' : 'Submit asks for the role user').first().waitFor();
    await page.goto(`${house.url}/dashboard/admin`);
    if (offered.tabs) {
      const tabs = page.getByRole('navigation', { name: 'Parts of Admin' }).getByRole('link');
      await tabs.first().waitFor();
      assert.deepEqual(await tabs.allTextContents(), offered.tabs);
      await page.goto(`${house.url}/dashboard/admin/keys`);
      await page.getByText(role === 'admin' ? 'readonly key' : 'Keys asks for the role admin').first().waitFor();
    } else {
      await page.getByText('Admin asks for the role operator').waitFor();
      await picture(page, `out-of-reach-${role}`);
    }
    // What is not offered, the server refuses all the same.
    const answer = await page.evaluate(async (id) => (await fetch(`/api/v1/workflows/${id}/retry`, { method: 'POST', headers: { authorization: `Bearer ${sessionStorage.getItem('gleitzeit.token')}`, 'content-type': 'application/json' }, body: '{"reason": 5}' })).status, run);
    assert.equal(answer, offered.submit ? 400 : 403);
    assert.deepEqual(notes, nothing());
    await context.close();
  });
}
