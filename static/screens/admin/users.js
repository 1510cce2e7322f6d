// People and programs that may use the server, each with a role.
import { html, useState } from '../../html.js';
import { ago, count, fineTime, plural } from '../../format.js';
import { get, post, request, segment } from '../../state/api.js';
import { now } from '../../state/clock.js';
import { usePoll } from '../../state/poll.js';
import { address, go, refine, route } from '../../state/route.js';
import { who } from '../../state/session.js';
import { confirm, Dialog, openDialog } from '../../ui/dialog.js';
import { Icon } from '../../ui/icons.js';
import { Empty, Failure, Loading } from '../../ui/pieces.js';
import { Table } from '../../ui/table.js';
import { toast, toastError } from '../../ui/toast.js';
import { RoleField } from './roles.js';

const EVERY_MS = 10000;

export function Users() {
  const { value, error, again } = usePoll((signal) => get('/users', signal), EVERY_MS, []);
  if (!value) return error ? html`<${Failure} error=${error} what="The list of users"><button class="button" onClick=${again}>Try again</button></${Failure}>` : html`<${Loading} what="users" />`;
  const text = (route.value.search.get('text') ?? '').toLowerCase();
  const shown = value.items.filter((user) => !text || `${user.name} ${user.role}`.toLowerCase().includes(text));
  const columns = [
    { key: 'name', title: 'Name', track: 'minmax(90px, 2fr)', cell: (user) => html`<a href=${keysOf(user.name)} title=${user.name}>${user.name}</a>${user.name === who.value?.user ? html` <span class="tag">you</span>` : ''}` },
    { key: 'role', title: 'Role', track: '92px', cell: (user) => user.role },
    { key: 'keys', title: 'Keys', track: '64px', right: true, from: 460, cell: (user) => count(user.keys) },
    { key: 'since', title: 'Added', track: '92px', right: true, from: 560, cell: (user) => html`<span title=${fineTime(user.created_at)}>${ago(user.created_at, now.value)}</span>` },
    { key: 'verbs', title: '', track: '186px', right: true, cell: (user) => html`<button class="button quiet small" aria-label=${`Change role of ${user.name}`} onClick=${() => openDialog(ChangeRole, { user, again })}>Change role</button>
      <button class="button quiet small" aria-label=${`Remove ${user.name}`} onClick=${() => remove(user, again)}>Remove</button>` },
  ];
  return html`<div class="row flow"><input class="field" type="search" data-filter aria-label="Filter users" placeholder="Filter  /" value=${route.value.search.get('text') ?? ''} onInput=${(event) => refine({ text: event.target.value || undefined })} />
      <span class="muted num">${plural(shown.length, 'user')}</span><span class="grow"></span>
      <button class="button primary" onClick=${() => openDialog(AddUser, { again })}><${Icon} name="plus" />Add a user</button></div>
    <div class="pane"><${Table} label="Users" columns=${columns} length=${shown.length} row=${(at) => shown[at]} keyOf=${(user) => user.name} open=${(user) => go(keysOf(user.name))} place="users"
      empty=${text ? html`<${Empty} icon="search" title="No user fits"><button class="button small" onClick=${() => refine({ text: undefined })}>Show all</button></${Empty}>`
        : html`<${Empty} icon="user" title="There are no users">The token of the configuration is the only way in. Add users, so that each has a key and a role of their own.</${Empty}>`} /></div>`;
}

const keysOf = (user) => address(['admin', 'keys'], { text: user });

function remove(user, again) {
  const mine = user.name === who.value?.user;
  confirm({
    title: `Remove ${user.name}?`, action: 'Remove', danger: true,
    text: `${user.keys === 0 ? 'There is no key to lose.' : `${user.keys === 1 ? 'The key' : `All ${user.keys} keys`} of ${user.name} stop${user.keys === 1 ? 's' : ''} working at once, and what is connected with ${user.keys === 1 ? 'it' : 'them'} is disconnected.`}${mine ? ' That is you: this page is logged out.' : ''}`,
    run: async () => {
      await request('DELETE', `/users/${segment(user.name)}`);
      toast(`${user.name} is removed`);
      again();
    },
  });
}

function AddUser({ again, close }) {
  const [name, setName] = useState('');
  const [role, setRole] = useState('user');
  const [busy, setBusy] = useState(false);
  const add = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await post('/users', { name: name.trim(), role });
      toast(`${name.trim()} is added, and can come in once there is a key`);
      again();
      close();
    } catch (error) {
      toastError(error);
      setBusy(false);
    }
  };
  return html`<${Dialog} title="Add a user" close=${close} footer=${html`<button class="button" onClick=${close}>Leave it</button><button class="button primary" form="add-user" disabled=${busy || !name.trim()}>Add</button>`}>
    <form class="form" id="add-user" onSubmit=${add}>
      <label class="stacked">Name<input class="field wide" autofocus required maxlength="128" autocomplete="off" value=${name} onInput=${(event) => setName(event.target.value)} placeholder="anna" /></label>
      <p class="faint">Small letters, digits and . _ @ -</p>
      <${RoleField} role=${role} change=${setRole} />
    </form></${Dialog}>`;
}

function ChangeRole({ user, again, close }) {
  const [role, setRole] = useState(user.role);
  const [busy, setBusy] = useState(false);
  const change = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await request('PATCH', `/users/${segment(user.name)}`, { body: { role } });
      toast(`${user.name} has the role ${role}`);
      again();
      close();
    } catch (error) {
      toastError(error);
      setBusy(false);
    }
  };
  const mine = user.name === who.value?.user;
  return html`<${Dialog} title=${`The role of ${user.name}`} close=${close} footer=${html`<button class="button" onClick=${close}>Leave it</button><button class="button primary" form="change-role" disabled=${busy || role === user.role}>Change it</button>`}>
    <form class="form" id="change-role" onSubmit=${change}><${RoleField} role=${role} change=${setRole} />
      <p class="muted">Keys never reach further than their user: a lower role takes the keys along, at once, and a higher one gives them back what they were made for.${mine && role !== user.role ? ' That is you.' : ''}</p></form></${Dialog}>`;
}
