// The frame of the dashboard: navigation, the banner that tells of the connection, and the screen of the address.
import { html, render, useEffect, useErrorBoundary, useLayoutEffect } from './html.js';
import { duration, time } from './format.js';
import { get, locked, segment } from './state/api.js';
import { now } from './state/clock.js';
import { connect, link, lostAt, outdated, returned } from './state/live.js';
import { overview, startOverview } from './state/overview.js';
import { usePoll } from './state/poll.js';
import { address, go, listAddress, route, workflowAddress } from './state/route.js';
import { isLoggedIn, leave, may, startSession, who } from './state/session.js';
import { nextTheme, theme } from './state/theme.js';
import { closeDialog, DialogHost, openDialog } from './ui/dialog.js';
import { Help } from './ui/help.js';
import { Icon } from './ui/icons.js';
import { bind, focusFilter } from './ui/keyboard.js';
import { lazy } from './ui/lazy.js';
import { Palette } from './ui/palette.js';
import { Empty, Failure, Loading, OutOfReach, WaysOut } from './ui/pieces.js';
import { toast, Toasts } from './ui/toast.js';

const Now = lazy(() => import('./screens/now.js'), 'Now');
const Workflows = lazy(() => import('./screens/workflows.js'), 'Workflows');
const RunScreen = lazy(() => import('./run/screen.js'), 'RunScreen');
const Services = lazy(() => import('./screens/services.js'), 'Services');
const Events = lazy(() => import('./screens/events.js'), 'Events');
const Errors = lazy(() => import('./screens/errors.js'), 'Errors');
const Webhooks = lazy(() => import('./screens/webhooks.js'), 'Webhooks');
const Submit = lazy(() => import('./screens/submit.js'), 'Submit');
const Admin = lazy(() => import('./screens/admin/screen.js'), 'Admin');
const Login = lazy(() => import('./screens/login.js'), 'Login');

/** `least` is the role for which a screen is of any use. @type {{path: string, icon: string, name: string, key: string, least: import('./state/session.js').Role}[]} */
const PLACES = [
  { path: '', icon: 'now', name: 'Now', key: 'n', least: 'readonly' }, { path: 'workflows', icon: 'flow', name: 'Workflows', key: 'w', least: 'readonly' },
  { path: 'services', icon: 'plug', name: 'Services', key: 's', least: 'readonly' }, { path: 'events', icon: 'list', name: 'Events', key: 'e', least: 'readonly' },
  { path: 'errors', icon: 'alert', name: 'Errors', key: 'r', least: 'readonly' }, { path: 'webhooks', icon: 'out', name: 'Webhooks', key: 'h', least: 'operator' },
  { path: 'submit', icon: 'plus', name: 'Submit', key: 'c', least: 'user' }, { path: 'admin', icon: 'lock', name: 'Admin', key: 'a', least: 'operator' },
];

function App() {
  useLayoutEffect(() => bind({
    '/': focusFilter, '?': () => openDialog(Help), 'ctrl+k': () => locked.peek() || openDialog(Palette), Escape: back,
    ...Object.fromEntries(PLACES.map((place) => [`g ${place.key}`, () => go(address(place.path ? [place.path] : []))])),
  }), []);
  useEffect(() => {
    if (returned.value) toast(`The connection is back after ${duration(returned.value.seconds * 1000)}; what happened meanwhile has been read`);
  }, [returned.value]);
  useEffect(() => { if (locked.value) closeDialog(); }, [locked.value]);
  return html`<a class="skip" href="#main">To the content</a>
    <div class="frame"><${Nav} /><main class="stage" id="main">${locked.value ? html`<${Login} reason=${locked.value} />` : html`<${Banner} /><${Screen} key=${screenKey()} />`}</main></div>
    <${DialogHost} /><${Toasts} />`;
}

/** Escape goes up: from a run to the list, as that was left. */
function back() {
  const { path } = route.value;
  if (path.length > 1) go(listAddress(path[0]));
}

const screenKey = () => route.value.path.slice(0, route.value.path[0] === 'workflows' ? 2 : 1).join('/');

function Screen() {
  const [error, reset] = useErrorBoundary((caught) => { console.error(caught); });
  const { path } = route.value;
  const place = PLACES.find((one) => one.path === (path[0] ?? ''));
  if (place && place.least !== 'readonly' && !may(place.least)) return html`<div class="screen"><div class="title"><h1>${place.name}</h1></div><${OutOfReach} what=${place.name} least=${place.least} /></div>`;
  if (error) return html`<div class="screen"><${Failure} error=${error} what="This screen" /><div class="row" style=${{ justifyContent: 'center' }}><button class="button" onClick=${reset}>Try again</button></div></div>`;
  switch (path[0] ?? '') {
    case '': return html`<${Now} />`;
    case 'workflows': return path[1] ? html`<${RunScreen} id=${path[1]} tab=${path[2] ?? 'graph'} />` : html`<${Workflows} />`;
    case 'tasks': return html`<${ToTask} id=${path[1] ?? ''} />`;
    case 'services': return html`<${Services} id=${path[1] ?? ''} />`;
    case 'events': return html`<${Events} />`;
    case 'errors': return html`<${Errors} code=${path[1] ?? ''} />`;
    case 'webhooks': return html`<${Webhooks} id=${path[1] ?? ''} />`;
    case 'submit': return html`<${Submit} />`;
    case 'admin': return html`<${Admin} tab=${path[1] ?? ''} id=${path[2] ?? ''} />`;
    default: return html`<div class="screen"><${Empty} icon="search" title="There is no such page"><span class="mono wrap">${location.pathname}</span><div class="row flow"><${WaysOut} /></div></${Empty}></div>`;
  }
}

/** A task's address leads to its run. */
function ToTask({ id }) {
  const { value, error } = usePoll((signal) => get(`/tasks/${segment(id)}`, signal), 0, [id]);
  useEffect(() => {
    if (value) go(workflowAddress(value.workflow_id, '', { task: value.id }), { replace: true });
  }, [value]);
  return html`<div class="screen">${error ? html`<${Failure} error=${error} what=${`The task ${id}`}><${WaysOut} /></${Failure}>` : html`<${Loading} what="the task" />`}</div>`;
}

function Nav() {
  const at = route.value.path[0] ?? '';
  const here = at === 'tasks' ? 'workflows' : at;
  const words = { live: 'Live', connecting: 'Connecting', lost: 'Not connected' };
  const open = overview.value?.services.filter((service) => service.breaker !== 'closed').length ?? 0;
  return html`<nav class="nav" aria-label="Screens">
    <a class="brand" href=${address([])}><svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#2457d6" /><path d="M23 11.5A8.5 8.5 0 1 0 24.5 17H17" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" stroke-linejoin="round" /></svg><span class="label">Gleitzeit</span></a>
    ${!locked.value && PLACES.filter((place) => place.least === 'readonly' || may(place.least)).map((place) => html`<a key=${place.path} class=${`item to-${place.path || 'now'}`} href=${address(place.path ? [place.path] : [])} aria-current=${here === place.path ? 'page' : undefined} title=${`g ${place.key}`}>
      <${Icon} name=${place.icon} /><span class="label">${place.name}</span>${place.path === 'services' && open > 0 && html`<span class="badge" aria-label=${`${open} with an open breaker`}>${open}</span>`}</a>`)}
    <div class="foot">
      ${isLoggedIn() && html`<div class="who" title=${whose()}><${Icon} name="user" /><span class="label"><span class="clip">${who.value?.user}</span> <span class="clip faint">${who.value?.role}</span></span></div>
        <button onClick=${leave} title=${`Log out ${whose()}`}><${Icon} name="leave" /><span class="label">Log out</span></button>`}
      ${!locked.value && html`<button class="goto" onClick=${() => openDialog(Palette)}><${Icon} name="search" /><span class="label">Go to</span><kbd>Ctrl K</kbd></button>`}
      <button onClick=${() => openDialog(Help)}><${Icon} name="keys" /><span class="label">Keyboard</span><kbd>?</kbd></button>
      <button onClick=${nextTheme}><${Icon} name="sun" /><span class="label">Theme: ${theme.value}</span></button>
      <div class="link-state" data-state=${link.value} role="status"><span class="dot"></span><span class="label">${locked.value ? 'Not logged in' : words[link.value]}</span></div>
    </div>
  </nav>`;
}

const whose = () => `${who.value?.user}, ${who.value?.role}${who.value?.key ? `: ${who.value.key.name}` : ''}`;

function Banner() {
  if (link.value === 'lost') {
    return html`<div class="banner bad" role="alert"><${Icon} name="lost" /><span class="grow">The server does not answer since ${time(lostAt.value)}. What you see is from then; this page goes on by itself when it is back.</span></div>`;
  }
  if (outdated.value) {
    return html`<div class="banner" role="status"><${Icon} name="info" /><span class="grow">The server has been updated. This page is of the version before.</span><button class="button small" onClick=${() => location.reload()}>Load the new one</button></div>`;
  }
  const health = overview.value?.health;
  if (health?.read_only) return html`<div class="banner bad" role="alert"><${Icon} name="disk" /><span class="grow">The disk is full: new work is refused, reports of what runs still land.</span></div>`;
  return null;
}

connect();
startSession();
startOverview();
render(html`<${App} />`, /** @type {Element} */ (document.getElementById('app')));
