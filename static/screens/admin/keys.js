// Keys: whose they are, how far they reach, until when, and when they were last used.
import { html } from '../../html.js';
import { ago, duration, fineTime, ms, plural } from '../../format.js';
import { get, request, segment } from '../../state/api.js';
import { now } from '../../state/clock.js';
import { usePoll } from '../../state/poll.js';
import { address, go, listAddress, refine, route } from '../../state/route.js';
import { who } from '../../state/session.js';
import { CopyButton } from '../../ui/copy.js';
import { confirm, openDialog } from '../../ui/dialog.js';
import { Icon } from '../../ui/icons.js';
import { Choice, Empty, Failure, Loading } from '../../ui/pieces.js';
import { Status } from '../../ui/status.js';
import { Table } from '../../ui/table.js';
import { toast } from '../../ui/toast.js';
import { NewKey } from './new-key.js';

const EVERY_MS = 10000;
/** A key that ends within this time is told of. */
const SOON_MS = 7 * 86400000;

/** @param {{id: string}} props the key that is looked at, or nothing for all */
export function Keys({ id }) {
  const { value, error, again } = usePoll(async (signal) => {
    const [keys, users] = await Promise.all([get('/keys', signal), get('/users', signal)]);
    return { keys: keys.items, users: users.items };
  }, EVERY_MS, []);
  if (!value) return error ? html`<${Failure} error=${error} what="The list of keys"><button class="button" onClick=${again}>Try again</button></${Failure}>` : html`<${Loading} what="keys" />`;
  const roles = new Map(value.users.map((user) => [user.name, user.role]));
  if (id) return html`<${One} key=${id} found=${value.keys.find((one) => one.id === id)} id=${id} roles=${roles} again=${again} />`;
  return html`<${All} keys=${value.keys} users=${value.users} roles=${roles} again=${again} />`;
}

function All({ keys, users, roles, again }) {
  const { search } = route.value;
  const text = (search.get('text') ?? '').toLowerCase();
  const state = search.get('state') ?? '';
  const shown = keys.filter((one) => (!state || one.status === state)
    && (!text || `${one.name} ${one.user} ${one.role} ${one.id} ${one.services.join(' ')} ${one.capabilities.join(' ')}`.toLowerCase().includes(text)))
    .sort((a, b) => Number(a.status !== 'active') - Number(b.status !== 'active') || ms(b.created_at) - ms(a.created_at) || (a.id < b.id ? 1 : -1));
  const columns = [
    { key: 'status', title: 'State', track: '104px', cell: (one) => html`<${Standing} one=${one} />` },
    { key: 'name', title: 'Name', track: 'minmax(90px, 2fr)', cell: (one) => html`<a href=${address(['admin', 'keys', one.id])} title=${one.name}>${one.name}</a>${one.id === who.value?.key?.id ? html` <span class="tag">this tab</span>` : ''}` },
    { key: 'user', title: 'User', track: 'minmax(70px, 1fr)', from: 460, cell: (one) => html`<span title=${one.user}>${one.user}</span>` },
    { key: 'role', title: 'Role', track: '92px', from: 560, cell: (one) => one.role },
    { key: 'bound', title: 'Bound to', track: 'minmax(90px, 1fr)', from: 860, cell: (one) => html`<span class="muted" title=${boundTo(one)}>${boundTo(one)}</span>` },
    { key: 'expires', title: 'Expires', track: '104px', right: true, from: 760, cell: (one) => html`<${Expiry} one=${one} />` },
    { key: 'used', title: 'Last used', track: '92px', right: true, from: 640, cell: (one) => (one.last_used_at ? html`<span title=${fineTime(one.last_used_at)}>${ago(one.last_used_at, now.value)}</span>` : html`<span class="muted">never</span>`) },
    { key: 'verbs', title: '', track: '86px', right: true, cell: (one) => one.status !== 'revoked' && html`<button class="button quiet small" aria-label=${`Revoke ${one.name}`} onClick=${() => revoke(one, again)}>Revoke</button>` },
  ];
  return html`<div class="row flow"><input class="field" type="search" data-filter aria-label="Filter keys" placeholder="Filter  /" value=${search.get('text') ?? ''} onInput=${(event) => refine({ text: event.target.value || undefined })} />
      <${Choice} name="State" options=${[['active', 'Active'], ['expired', 'Expired'], ['revoked', 'Revoked']]} value=${state} change=${(value) => refine({ state: value || undefined })} />
      <span class="muted num">${plural(shown.length, 'key')}</span><span class="grow"></span>
      <button class="button primary" disabled=${users.length === 0} title=${users.length === 0 ? 'Add a user first: a key is somebody\'s' : undefined} onClick=${() => openDialog(NewKey, { users, roles, again })}><${Icon} name="plus" />Make a key</button></div>
    <div class="pane"><${Table} label="Keys" columns=${columns} length=${shown.length} row=${(at) => shown[at]} keyOf=${(one) => one.id} open=${(one) => go(address(['admin', 'keys', one.id]))} place="keys"
      empty=${text || state ? html`<${Empty} icon="search" title="No key fits"><button class="button small" onClick=${() => go(address(['admin', 'keys']))}>Show all</button></${Empty}>`
        : html`<${Empty} icon="key" title="There are no keys">${users.length === 0 ? html`Add a user first.<a class="button" href=${address(['admin', 'users'])}>Users</a>` : 'Make one for each person and each service.'}</${Empty}>`} /></div>`;
}

function One({ found, id, roles, again }) {
  const back = html`<a class="button quiet small square" href=${address(['admin', 'keys'])} aria-label="All keys"><${Icon} name="left" /></a>`;
  if (!found) return html`<div class="row">${back}<h2>Key</h2></div><${Empty} icon="search" title="There is no such key"><span class="mono wrap">${id}</span><a class="button" href=${listAddress('admin')}>Admin</a></${Empty}>`;
  const owner = roles.get(found.user);
  return html`<div class="row flow">${back}<h2 class="clip" style=${{ fontSize: '15.5px' }} title=${found.name}>${found.name}</h2><${Standing} one=${found} /><span class="grow"></span>
      ${found.status !== 'revoked' && html`<button class="button danger" onClick=${() => revoke(found, again)}><${Icon} name="ban" />Revoke</button>`}</div>
    ${found.id === who.value?.key?.id && html`<p class="note">This is the key of this tab.</p>`}
    <dl class="facts">
      <dt>Id</dt><dd class="row mono" style=${{ gap: '2px' }}><span class="clip">${found.id}</span><${CopyButton} text=${found.id} label="Copy the id" what="Id copied" /></dd>
      <dt>User</dt><dd class="wrap">${found.user}${owner ? html` <span class="muted">with the role ${owner}</span>` : html` <span class="muted">no longer there</span>`}</dd>
      <dt>Role</dt><dd>${found.role}</dd>
      ${found.role === 'service' && html`<dt>Services</dt><dd class="chips">${found.services.map((name) => html`<span key=${name} class="tag"><span class="clip">${name}</span></span>`)}</dd>
        <dt>Capabilities</dt><dd class="chips">${found.capabilities.length === 0 ? 'any' : found.capabilities.map((name) => html`<span key=${name} class="tag"><span class="clip">${name}</span></span>`)}</dd>`}
      <dt>Made</dt><dd class="num">${fineTime(found.created_at)} <span class="muted">${ago(found.created_at, now.value)}</span></dd>
      <dt>Expires</dt><dd class="num">${found.expires_at ? html`${fineTime(found.expires_at)} <span class="muted"><${Expiry} one=${found} /></span>` : 'never'}</dd>
      ${found.revoked_at && html`<dt>Revoked</dt><dd class="num">${fineTime(found.revoked_at)} <span class="muted">${ago(found.revoked_at, now.value)}</span></dd>`}
      <dt>Last used</dt><dd class="num">${found.last_used_at ? html`${fineTime(found.last_used_at)} <span class="muted">${ago(found.last_used_at, now.value)}</span>` : 'never'}</dd>
    </dl>
    <p><a class="link" href=${address(['admin', 'acts'], { text: found.id })}>What was done with it and to it</a></p>`;
}

const LOOKS = { active: ['healthy', 'Active'], expired: ['skipped', 'Expired'], revoked: ['cancelled', 'Revoked'] };

function Standing({ one }) {
  const [status, word] = LOOKS[one.status] ?? ['pending', one.status];
  return html`<${Status} status=${status} word=${word} />`;
}

function Expiry({ one }) {
  if (!one.expires_at) return html`<span class="muted">never</span>`;
  const left = ms(one.expires_at) - now.value;
  const said = left > 0 ? `in ${duration(left)}` : ago(one.expires_at, now.value);
  return html`<span class=${one.status === 'active' && left < SOON_MS ? 'status s-retrying' : ''} title=${fineTime(one.expires_at)}>${said}</span>`;
}

function boundTo(one) {
  if (one.role !== 'service') return '';
  return one.services.join(', ') + (one.capabilities.length > 0 ? `: ${one.capabilities.join(', ')}` : '');
}

function revoke(one, again) {
  const mine = one.id === who.value?.key?.id;
  confirm({
    title: `Revoke ${one.name}?`, action: 'Revoke', danger: true,
    text: `This key of ${one.user} stops working at once, and what is connected with it is disconnected. It cannot be taken back.${mine ? ' It is the key of this tab, which is logged out.' : ''}`,
    run: async () => {
      await request('DELETE', `/keys/${segment(one.id)}`);
      toast(`${one.name} is revoked`);
      again();
    },
  });
}
