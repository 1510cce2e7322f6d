// The screen on which admins say who may come in, see what was done, and look after the server.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { closeBrowser, House, misfits, picture, serious, until } from './house.mjs';
import { EVIL, field, live, nothing, open, who } from './login.mjs';

const house = new House({ keys: true });
/** One key of each role. */
const keys = {};

before(async () => {
  await house.start();
  for (const role of ['readonly', 'user', 'operator', 'admin']) keys[role] = await house.keyOf(role);
  keys.service = await house.keyOf('service', { services: ['Workshop'] });
  await house.service('Workshop', async () => { throw new Error('the mill is jammed'); });
});

after(async () => {
  await closeBrowser();
  await house.close();
});

test('users are added, changed and removed', async () => {
  const { page, context, notes } = await open(house, '/admin/users', house.key);
  const row = (name) => page.getByRole('row', { name: new RegExp(`^${name} `) });
  await page.getByRole('button', { name: 'Add a user' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Anna Blume');
  await dialog.getByRole('button', { name: 'Add' }).click();
  await page.getByRole('status').getByText('is no name of a user').waitFor();
  await dialog.getByLabel('Name').fill('anna');
  await dialog.getByLabel('Role').selectOption('operator');
  await dialog.getByRole('button', { name: 'Add' }).click();
  await dialog.waitFor({ state: 'detached' });
  await row('anna').getByText('operator').waitFor();
  await page.getByRole('button', { name: 'Change role of anna' }).click();
  await picture(page, 'admin-role');
  await dialog.getByLabel('Role').selectOption('readonly');
  await dialog.getByRole('button', { name: 'Change it' }).click();
  await row('anna').getByText('readonly').waitFor();
  assert.equal((await house.read('/users')).items.find((user) => user.name === 'anna').role, 'readonly');
  await page.getByRole('button', { name: 'Remove anna' }).click();
  await dialog.getByText('There is no key to lose').waitFor();
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await row('anna').waitFor({ state: 'detached' });
  // The rules of the server are told in its words.
  await page.getByRole('button', { name: 'Change role of some-admin' }).click();
  await dialog.getByLabel('Role').selectOption('readonly');
  await dialog.getByRole('button', { name: 'Change it' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Remove admin', exact: true }).click();
  await dialog.getByText('That is you').waitFor();
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('status').getByText('admin is the only admin').waitFor();
  await dialog.getByRole('button', { name: 'Leave it' }).click();
  await house.rest('PATCH', '/users/some-admin', { role: 'admin' });
  assert.deepEqual(notes, nothing());
  await context.close();
});

test('a key for a service is made, told once, used, and revoked', async () => {
  const { page, context, notes } = await open(house, '/admin/keys', house.key);
  await page.getByRole('button', { name: 'Make a key' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill(`box ${EVIL}`);
  assert.equal(await dialog.getByLabel(/^Services that/).count(), 0);
  await dialog.getByLabel('Role').selectOption('service');
  assert.ok(await dialog.getByRole('button', { name: 'Make it' }).isDisabled(), 'a service key is bound');
  await dialog.getByLabel(/^Services that/).fill(`Press ${EVIL}\nMill, the second`);
  await dialog.getByRole('button', { name: 'Add custom_processing' }).click();
  await dialog.getByLabel('Expires').selectOption('30');
  assert.deepEqual(await serious(page), []);
  await picture(page, 'admin-new-key');
  await dialog.getByRole('button', { name: 'Make it' }).click();
  const secret = await dialog.getByLabel('The secret').textContent();
  assert.match(secret, /^gzt_.{43}$/);
  await picture(page, 'admin-secret');
  assert.deepEqual(await serious(page), []);
  await page.keyboard.press('Escape');
  await dialog.getByText('You have not copied it').waitFor();
  await dialog.getByRole('button', { name: 'Copy the key' }).click();
  await until(async () => await page.evaluate(() => navigator.clipboard.readText()) === secret, 'the key is copied');
  await dialog.getByRole('button', { name: 'Done' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.ok(!(await page.content()).includes(secret), 'it is told once');

  const { items } = await house.read('/keys');
  const key = items.find((one) => one.name === `box ${EVIL}`);
  assert.deepEqual([key.role, key.services, key.capabilities, key.user], ['service', ['Mill, the second', `Press ${EVIL}`], ['custom_processing'], 'admin']);
  const { socket } = await house.service('Mill, the second', async () => 1, { key: secret });
  const left = once(socket, 'disconnect');
  await page.getByRole('searchbox').fill('box');
  await page.getByRole('grid', { name: 'Keys' }).focus();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.waitForURL(`**/admin/keys/${key.id}`);
  await page.getByText('Mill, the second').waitFor();
  await page.getByText(/in 29 d/).waitFor();
  await until(async () => (await page.locator('dd', { hasText: /now|ago/ }).count()) >= 2, 'it has been used');
  await picture(page, 'admin-key');
  await page.getByRole('button', { name: 'Revoke' }).click();
  await dialog.getByText('It cannot be taken back').waitFor();
  await dialog.getByRole('button', { name: 'Revoke' }).click();
  await page.locator('.status').getByText('Revoked').waitFor();
  await left;
  assert.equal((await house.rest('GET', '/whoami', undefined, secret)).status, 401);
  await page.keyboard.press('Escape');
  await page.getByRole('grid', { name: 'Keys' }).waitFor();
  await page.getByRole('button', { name: 'Revoked' }).click();
  await page.getByRole('row', { name: /Revoked.*box <img/ }).waitFor();
  await page.getByRole('searchbox').fill('no such key');
  await page.getByText('No key fits').waitFor();
  assert.equal(await page.evaluate(() => window.pwned ?? 0), 0);
  assert.equal(await page.locator('img').count(), 0);
  assert.deepEqual(notes, nothing());
  await context.close();
});

test('what was done is told: who, what, when, and as it happens', async () => {
  const name = `audited ${EVIL}`;
  const { body: made } = await house.rest('POST', '/keys', { user: 'some-user', name, role: 'user' });
  const { page, context, notes } = await open(house, '/admin/acts', keys.operator.secret);
  const grid = page.getByRole('grid', { name: 'What was done' });
  await grid.getByRole('row', { name: /Key made.*audited <img.*for some-user, with the role user.*admin/ }).waitFor();
  await house.rest('DELETE', `/keys/${made.id}`);
  await grid.getByRole('row', { name: /Key revoked.*audited <img.*admin/ }).waitFor();
  await house.rest('POST', '/services/Workshop-node/drain', {}, keys.operator.secret);
  await grid.getByRole('row', { name: /Asked for.*POST \/api\/v1\/services\/Workshop-node\/drain.*some-operator/ }).waitFor();
  await house.rest('POST', '/services/Workshop-node/resume', {}, keys.operator.secret);
  await picture(page, 'admin-acts');
  await page.getByRole('searchbox').fill('drain');
  await grid.getByRole('row', { name: /Key made/ }).first().waitFor({ state: 'detached' });
  await page.getByRole('searchbox').fill('nothing like it');
  await page.getByText('Nothing that was done fits').waitFor();
  // The list holds acts alone, whatever else the log is full of.
  const { items } = await house.read('/events?about=access&since=0');
  assert.ok(items.length > 5 && items.every((event) => /^(user_|key_|acted)/.test(event.type)), JSON.stringify(items.map((event) => event.type)));
  assert.equal((await house.rest('GET', '/events?about=everything')).status, 400);
  assert.equal(await page.evaluate(() => window.pwned ?? 0), 0);
  assert.deepEqual(notes, nothing());
  await context.close();
});

test('every part of Admin, in the dark, in the light and in a hand', async () => {
  for (const options of [{ dark: true }, { dark: false }, { viewport: { width: 400, height: 800 }, hasTouch: true }]) {
    const { page, context, notes } = await open(house, '/admin', house.key, options);
    for (const [part, ready] of [['keys', 'text=readonly key'], ['users', 'text=some-operator'], ['acts', 'text=User added'], ['server', 'text=durable up to seq'], [`keys/${keys.service.id}`, 'text=What was done with it']]) {
      await page.goto(`${house.url}/dashboard/admin/${part}`);
      await page.locator(ready).first().waitFor();
      await page.locator('text=Reading').first().waitFor({ state: 'hidden' });
      if (!options.viewport) assert.deepEqual(await serious(page), [], part);
      assert.deepEqual(await misfits(page), { wide: [], upon: 0 }, part);
      await picture(page, `admin-${part.split('/').length > 1 ? 'one-key' : part}-${options.viewport ? 'narrow' : options.dark ? 'dark' : 'light'}`);
    }
    if (options.viewport) {
      // In a hand the palette leads to what has no place in the bar.
      await page.getByRole('button', { name: 'Go to' }).tap();
      await page.getByRole('combobox').fill('Admin');
      await page.getByRole('option', { name: 'Admin' }).tap();
      await page.waitForURL('**/dashboard/admin');
      await page.getByRole('button', { name: 'Go to' }).tap();
      await page.getByRole('combobox').fill('Log out');
      await page.getByRole('option', { name: 'Log out' }).tap();
      await field(page).waitFor();
      assert.deepEqual(await misfits(page), { wide: [], upon: 0 });
      await picture(page, 'login-narrow');
    }
    assert.deepEqual(notes, nothing());
    await context.close();
  }
});

test('a list that cannot be read says why, and is read again', async () => {
  const { page, context } = await open(house, '/admin/server', house.key);
  // Nothing is answered before the button was pressed: a list that is read again by itself would take it away.
  await page.evaluate(() => addEventListener('click', (event) => { window.pressed = event.target.closest('button') !== null; }, true));
  await page.route('**/api/v1/{keys,users,events}*', async (route) => {
    if (await page.evaluate(() => window.pressed)) await route.continue();
    else await route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ code: 'GZ1030', detail: 'too much at once', fix: 'Wait.' }) });
  });
  for (const [part, what] of [['Keys', 'The list of keys'], ['Users', 'The list of users'], ['What was done', 'What was done']]) {
    await page.getByRole('navigation', { name: 'Parts of Admin' }).getByRole('link', { name: part }).click();
    await page.getByText(`${what} cannot be shown`).waitFor();
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('grid').waitFor();
  }
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await context.close();
});

test('the server is checked, and shut down', async () => {
  const own = await new House({ keys: true }).start();
  try {
    const { page, context, notes } = await open(own, '/admin/server', own.key);
    await page.getByRole('button', { name: 'Check it' }).click();
    await page.getByText('All is whole').waitFor();
    await page.getByRole('region', { name: 'Backup' }).getByText('gleitzeit store backup --online').waitFor();
    await picture(page, 'admin-checked');
    await page.getByRole('button', { name: 'Shut down' }).click();
    const ended = once(own.process, 'exit');
    await page.getByRole('dialog').getByRole('button', { name: 'Shut down' }).click();
    assert.equal((await ended)[0], 0);
    await page.getByText('The server does not answer').waitFor();
    await own.start();
    await live(page);
    await who(page, 'admin admin').waitFor();
    assert.deepEqual(notes, nothing());
    await context.close();
  } finally {
    await own.close();
  }
});
