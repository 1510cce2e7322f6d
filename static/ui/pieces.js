// Small pieces that many screens share.
import { html } from '../html.js';
import { address } from '../state/route.js';
import { who } from '../state/session.js';
import { Icon } from './icons.js';

/** @param {{what: string}} props */
export function Loading({ what }) {
  return html`<div class="empty" role="status">Reading ${what}</div>`;
}

/** What cannot be shown, why, what helps, and the ways out. @param {{error: any, what?: string, children?: any}} props */
export function Failure({ error, what, children }) {
  return html`<div class="empty" role="alert"><${Icon} name="alert" /><strong>${what ? `${what} cannot be shown` : 'This did not work'}</strong>
    <span class="wrap">${error.code && html`<a class="link mono" href=${address(['errors', error.code])}>${error.code}</a> `}${error.message}</span>
    ${error.fix && html`<span>${error.fix}</span>`}
    ${children && html`<div class="row flow">${children}</div>`}</div>`;
}

/** For a screen that the role of the key does not reach. @param {{what: string, least: string}} props */
export function OutOfReach({ what, least }) {
  if (!who.value) return html`<${Loading} what="who you are" />`;
  return html`<${Empty} icon="lock" title=${`${what} asks for the role ${least}`}><span class="wrap">The key of this tab is one of ${who.value.user}, with the role ${who.value.role}.</span><div class="row flow"><${WaysOut} /></div></${Empty}>`;
}

/** For an address that leads nowhere. */
export function WaysOut() {
  return html`<a class="button" href=${address([])}>Now</a><a class="button" href=${address(['workflows'])}>All workflows</a>`;
}

/** A code of the catalogue, with its page. @param {{code: string}} props */
export function Code({ code }) {
  return html`<a class="link mono" href=${address(['errors', code])}>${code}</a>`;
}

/** @param {{icon?: string, title: string, children?: any}} props */
export function Empty({ icon = 'ring', title, children }) {
  return html`<div class="empty"><${Icon} name=${icon} /><strong>${title}</strong>${children}</div>`;
}

/** @param {{name: string, options: [string, string][], value: string, change: (value: string) => void}} props */
export function Choice({ name, options, value, change }) {
  return html`<div class="chips" role="group" aria-label=${name}>${options.map(([key, title]) => html`<button key=${key} class="chip" aria-pressed=${value === key}
    onClick=${() => change(value === key ? '' : key)}>${title}</button>`)}</div>`;
}
