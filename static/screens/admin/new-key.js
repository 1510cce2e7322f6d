// A key is made, and its secret told: once.
import { html, useState } from '../../html.js';
import { fineTime } from '../../format.js';
import { post } from '../../state/api.js';
import { overview } from '../../state/overview.js';
import { COVERS, who } from '../../state/session.js';
import { copy } from '../../ui/copy.js';
import { Dialog } from '../../ui/dialog.js';
import { Icon } from '../../ui/icons.js';
import { toastError } from '../../ui/toast.js';
import { RoleField, ROLES } from './roles.js';

const DAY_SECONDS = 86400;
const LASTS = [['', 'never'], ['1', 'after a day'], ['7', 'after a week'], ['30', 'after 30 days'], ['90', 'after 90 days'], ['365', 'after a year']];
const CAPABILITIES = ['ml_training', 'ml_inference', 'data_processing', 'api_integration', 'database_operations', 'file_processing', 'webhook_handling', 'custom_processing'];

/** One name a line. @param {string} text */
const lines = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean);

/** @param {{users: any[], roles: Map<string, import('../../state/session.js').Role>, again: () => void, close: () => void}} props */
export function NewKey({ users, roles, again, close }) {
  const mine = users.find((user) => user.name === who.value?.user) ?? users[0];
  const [form, setForm] = useState({ user: mine.name, name: '', role: 'user', services: '', capabilities: '', days: '90' });
  const [busy, setBusy] = useState(false);
  const [made, setMade] = useState(/** @type {any} */ (null));
  // A key reaches no further than its user.
  const reach = ROLES.filter(([role]) => COVERS[roles.get(form.user) ?? 'readonly'].includes(role));
  const role = reach.some(([name]) => name === form.role) ? form.role : reach[reach.length - 1][0];
  const set = (key) => (event) => setForm({ ...form, [key]: event.target.value });
  const bound = role === 'service';
  const make = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      setMade(await post('/keys', {
        user: form.user, name: form.name.trim(), role,
        ...(bound ? { services: lines(form.services), capabilities: lines(form.capabilities) } : {}),
        ...(form.days ? { expires_in_seconds: Number(form.days) * DAY_SECONDS } : {}),
      }));
      again();
    } catch (error) {
      toastError(error);
      setBusy(false);
    }
  };
  if (made) return html`<${Made} made=${made} close=${close} />`;
  const ready = form.name.trim() && (!bound || lines(form.services).length > 0);
  return html`<${Dialog} title="Make a key" close=${close} footer=${html`<button class="button" onClick=${close}>Leave it</button><button class="button primary" form="new-key" disabled=${busy || !ready}>Make it</button>`}>
    <form class="form" id="new-key" onSubmit=${make}>
      <label class="stacked">Name, which says what it is for<input class="field wide" autofocus required maxlength="128" autocomplete="off" value=${form.name} onInput=${set('name')} placeholder="laptop" /></label>
      <div class="pair"><label class="stacked">User<select class="field" value=${form.user} onChange=${set('user')}>${users.map((user) => html`<option key=${user.name} value=${user.name}>${user.name} (${user.role})</option>`)}</select></label>
        <label class="stacked">Expires<select class="field" value=${form.days} onChange=${set('days')}>${LASTS.map(([days, said]) => html`<option key=${days} value=${days}>${said}</option>`)}</select></label></div>
      <${RoleField} role=${role} roles=${reach} change=${(next) => setForm({ ...form, role: next })} />
      ${bound && html`<label class="stacked">Services that it may be, one a line<textarea class="field" rows="2" required value=${form.services} onInput=${set('services')} placeholder="ML Service"></textarea></label>
        <${Offer} names=${known().filter((name) => !lines(form.services).includes(name))} add=${(name) => setForm({ ...form, services: [...lines(form.services), name].join('\n') })} />
        <label class="stacked">Capabilities that it may offer, one a line; without any: all<textarea class="field" rows="2" value=${form.capabilities} onInput=${set('capabilities')} placeholder="ml_training"></textarea></label>
        <${Offer} names=${CAPABILITIES.filter((name) => !lines(form.capabilities).includes(name))} add=${(name) => setForm({ ...form, capabilities: [...lines(form.capabilities), name].join('\n') })} />`}
    </form></${Dialog}>`;
}

/** Services that have been seen. */
const OFFERED = 8;
const known = () => [...new Set((overview.value?.services ?? []).filter((service) => service.node_type !== 'built_in').map((service) => service.name))].slice(0, OFFERED);

function Offer({ names, add }) {
  return names.length > 0 && html`<div class="chips">${names.map((name) => html`<button key=${name} type="button" class="chip" aria-label=${`Add ${name}`} onClick=${() => add(name)}><${Icon} name="plus" /><span class="clip">${name}</span></button>`)}</div>`;
}

/** What leaves by mistake would be lost: a first Escape only warns. */
function Made({ made, close }) {
  const [copied, setCopied] = useState(false);
  const [warned, setWarned] = useState(false);
  const leave = () => (copied || warned ? close() : setWarned(true));
  const take = async () => {
    await copy(made.secret, 'Key copied');
    setCopied(true);
  };
  return html`<${Dialog} title="The key" close=${leave} footer=${html`<button class="button" onClick=${leave}>${warned && !copied ? 'Close without it' : 'Done'}</button><button class="button primary" autofocus onClick=${take}><${Icon} name=${copied ? 'check' : 'copy'} />Copy the key</button>`}>
    <p class="wrap">${made.name}, for ${made.user}, with the role ${made.role}${made.expires_at ? `, until ${fineTime(made.expires_at)}` : ''}.</p>
    <code class="secret wrap" aria-label="The secret">${made.secret}</code>
    ${warned && !copied ? html`<p class="note warn" role="alert">You have not copied it. Nobody can show it again: whoever needs it then needs a new key.</p>` : html`<p class="muted">It is shown this once and kept nowhere: the server stores only its SHA-256.</p>`}
  </${Dialog}>`;
}
