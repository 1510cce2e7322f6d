// The server itself: what runs, whether its data is whole, how to get a backup, and its end.
import { html, useState } from '../../html.js';
import { bytes, count, duration, plural } from '../../format.js';
import { post } from '../../state/api.js';
import { overview } from '../../state/overview.js';
import { may } from '../../state/session.js';
import { cli, CopyButton, curl } from '../../ui/copy.js';
import { Dialog, openDialog } from '../../ui/dialog.js';
import { Icon } from '../../ui/icons.js';
import { Failure, Loading } from '../../ui/pieces.js';
import { toast, toastError } from '../../ui/toast.js';

const BACKUP = cli(['store', 'backup', '--online', 'gleitzeit-backup.tar']);

export function Server() {
  const known = overview.value;
  if (!known) return html`<${Loading} what="the server" />`;
  const { stats, health } = known;
  return html`<div class="pane" style=${{ overflow: 'auto' }}>
    ${health.problems.map((problem) => html`<p key=${problem} class="note bad" role="alert">${problem}</p>`)}
    ${health.warnings.map((warning) => html`<p key=${warning} class="note">${warning}</p>`)}
    <dl class="facts">
      <dt>Version</dt><dd>${stats.version}</dd>
      <dt>Address</dt><dd class="wrap mono">${location.origin}</dd>
      <dt>Runs</dt><dd class="num">for ${duration(stats.uptime_seconds * 1000)}, as process ${stats.pid}</dd>
      <dt>Memory</dt><dd class="num">${bytes(stats.rss_bytes)}</dd>
      <dt>Log</dt><dd class="num">${bytes(stats.disk.log_bytes)}, durable up to seq ${count(stats.log.durable_seq)}</dd>
      <dt>Store</dt><dd class="num">${bytes(stats.disk.store_bytes)}</dd>
      <dt>Free</dt><dd class="num">${bytes(stats.disk.free_bytes)}</dd>
    </dl>
    <${Verify} />
    ${may('admin') && html`<section class="card" aria-label="Backup"><header><h2>Backup</h2></header><div class="body rows">
      <p class="muted">One file with everything that is durable now, while the server goes on. It holds all data in the clear: keep it where nobody else can read it.</p>
      <${Command} text=${BACKUP} /><${Command} text=${`${curl('POST', '/store/backup')} -o gleitzeit-backup.tar`} /></div></section>`}
    <section class="card" aria-label="Shutdown"><header><h2>Shutdown</h2></header><div class="body rows">
      <p class="muted">The server ends in good order and loses nothing. Whatever supervises it may start it again.</p>
      <div><button class="button danger" onClick=${() => openDialog(ShutDown)}><${Icon} name="stop" />Shut down</button></div></div></section>
  </div>`;
}

function Command({ text }) {
  return html`<div class="row"><code class="wrap">${text}</code><${CopyButton} text=${text} label=${`Copy ${text.split(' ')[0]}`} what="Command copied" /></div>`;
}

function Verify() {
  const [state, setState] = useState({ busy: false, report: /** @type {any} */ (null), error: /** @type {any} */ (null) });
  const run = async () => {
    setState({ busy: true, report: null, error: null });
    try {
      setState({ busy: false, report: await post('/store/verify'), error: null });
    } catch (error) {
      setState({ busy: false, report: null, error });
    }
  };
  const { busy, report, error } = state;
  return html`<section class="card" aria-label="Check of the data"><header><h2>Check of the data</h2></header><div class="body rows">
    <p class="muted">Reads the whole log, every ended workflow and every payload while the server goes on. On a large log that takes minutes.</p>
    <div class="row"><button class="button" disabled=${busy} onClick=${run}><${Icon} name="check" />Check it</button><span class="muted" role="status">${busy ? 'Reading all of it' : ''}</span></div>
    ${error && html`<${Failure} error=${error} />`}
    ${report && html`<div class=${`note ${report.whole ? 'good' : 'bad'} rows`} role="status"><strong>${report.whole ? 'All is whole' : 'Something is wrong'}</strong>
      <span class="num">${plural(report.records, 'event')} up to seq ${count(report.seq)} in ${plural(report.segments, 'segment')}, ${plural(report.archived_workflows, 'ended workflow')} with ${plural(report.archived_tasks, 'task')}, ${plural(report.payloads, 'payload')}</span>
      ${report.problems.map((problem) => html`<span key=${problem} class="wrap">${problem}</span>`)}${report.more_problems > 0 && html`<span>and ${count(report.more_problems)} more</span>`}</div>`}
  </div></section>`;
}

function ShutDown({ close }) {
  const [services, setServices] = useState(false);
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    try {
      await post('/shutdown', { services });
      toast('The server is shutting down');
      close();
    } catch (error) {
      toastError(error);
      setBusy(false);
    }
  };
  return html`<${Dialog} title="Shut the server down?" close=${close} footer=${html`<button class="button" onClick=${close}>Leave it</button><button class="button danger solid" disabled=${busy} onClick=${run}>Shut down</button>`}>
    <p>Nothing starts and nobody is answered until it runs again. What services run goes on there, and is reported when it is back.</p>
    <label class="row"><input type="checkbox" checked=${services} onChange=${(event) => setServices(event.target.checked)} /> Tell connected services to end, too</label>
  </${Dialog}>`;
}
