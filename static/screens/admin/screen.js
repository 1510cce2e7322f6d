// Who may use the server and what was done with its rights, and the server itself.
import { html, useEffect } from '../../html.js';
import { address } from '../../state/route.js';
import { may, who } from '../../state/session.js';
import { CopyButton } from '../../ui/copy.js';
import { Empty, Loading, OutOfReach } from '../../ui/pieces.js';
import { Acts } from './acts.js';
import { Keys } from './keys.js';
import { Server } from './server.js';
import { Users } from './users.js';

/** @type {{name: string, title: string, least: import('../../state/session.js').Role}[]} */
const TABS = [
  { name: 'keys', title: 'Keys', least: 'admin' }, { name: 'users', title: 'Users', least: 'admin' },
  { name: 'acts', title: 'What was done', least: 'operator' }, { name: 'server', title: 'Server', least: 'operator' },
];
const INIT = 'gleitzeit auth init';

/** @param {{tab: string, id: string}} props */
export function Admin({ tab: wanted, id }) {
  useEffect(() => { document.title = 'Admin · Gleitzeit'; }, []);
  const open = TABS.filter((tab) => may(tab.least));
  const tab = TABS.find(({ name }) => name === wanted) ?? open[0];
  if (!who.value || !tab) return html`<div class="screen"><${Loading} what="who you are" /></div>`;
  return html`<div class="screen full">
    <div class="title"><h1>Admin</h1></div>
    <nav class="tabs" aria-label="Parts of Admin">${open.map(({ name, title }) => html`<a key=${name} href=${address(['admin', name])} aria-current=${tab.name === name ? 'page' : undefined}>${title}</a>`)}</nav>
    ${may(tab.least) ? html`<${Part} key=${tab.name} name=${tab.name} id=${id} />` : html`<${OutOfReach} what=${tab.title} least=${tab.least} />`}
  </div>`;
}

function Part({ name, id }) {
  if (name === 'server') return html`<${Server} />`;
  if (name === 'acts') return html`<${Acts} />`;
  if (!who.value?.guarded) return html`<${Unguarded} />`;
  return name === 'users' ? html`<${Users} />` : html`<${Keys} id=${id} />`;
}

function Unguarded() {
  return html`<div class="card"><${Empty} icon="lock" title="This server asks nobody for a key">
    <span>Only its own machine can connect, and everybody there may do everything. To let others in, stop it and make the first key:</span>
    <span class="row"><code class="wrap">${INIT}</code><${CopyButton} text=${INIT} label="Copy the command" what="Command copied" /></span></${Empty}></div>`;
}
