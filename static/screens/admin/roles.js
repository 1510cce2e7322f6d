// The roles, in words, and a field to choose one.
import { html } from '../../html.js';

/** @type {[import('../../state/session.js').Role, string][]} */
export const ROLES = [
  ['readonly', 'sees workflows, tasks, results and events'], ['user', 'submits workflows, and decides what becomes of them'],
  ['service', 'runs tasks, and nothing else'], ['operator', 'drains services, makes webhooks, stops the server'],
  ['admin', 'makes users, keys and backups'],
];

/** @param {{role: string, roles?: [string, string][], change: (role: string) => void}} props */
export function RoleField({ role, roles = ROLES, change }) {
  return html`<label class="stacked">Role<select class="field" value=${role} onChange=${(event) => change(event.target.value)}>
    ${roles.map(([name, what]) => html`<option key=${name} value=${name}>${name}: ${what}</option>`)}</select></label>`;
}
