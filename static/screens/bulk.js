// Verbs for many workflows at once: for those that were chosen, or for all that fit the filter.
import { html, useState } from '../html.js';
import { plural } from '../format.js';
import { post, segment } from '../state/api.js';
import { may } from '../state/session.js';
import { confirm } from '../ui/dialog.js';
import { Icon } from '../ui/icons.js';
import { toast, toastError } from '../ui/toast.js';

/** Requests under way at once. */
const AT_ONCE = 6;
/** The server takes so many a request. */
const LIMIT = 1000;

const VERBS = [
  { verb: 'retry', title: 'Retry', icon: 'again', fits: (status) => status === 'failed' || status === 'cancelled', done: 'run again' },
  { verb: 'pause', title: 'Pause', icon: 'pause', fits: (status) => status === 'running' || status === 'pending', done: 'are paused', back: 'resume' },
  { verb: 'resume', title: 'Resume', icon: 'play', fits: (status) => status === 'paused', done: 'go on', back: 'pause' },
  { verb: 'cancel', title: 'Cancel', icon: 'ban', danger: true, fits: (status) => ['pending', 'running', 'paused'].includes(status), done: 'are cancelled' },
];

/** @param {{chosen: any[], search: URLSearchParams, done: () => void}} props */
export function BulkBar({ chosen, search, done }) {
  const [busy, setBusy] = useState('');
  const run = async (verb, workflows) => {
    let refused = 0;
    let at = 0;
    const worker = async () => {
      while (at < workflows.length) {
        const workflow = workflows[at++];
        setBusy(`${verb.title}: ${at} of ${workflows.length}`);
        await post(`/workflows/${segment(workflow.id)}/${verb.verb}`).catch(() => { refused += 1; });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    setBusy('');
    const back = VERBS.find((one) => one.verb === verb.back);
    toast(`${plural(workflows.length - refused, 'workflow')} ${verb.done}${refused > 0 ? `, ${refused} could not` : ''}`, {
      bad: refused > 0, action: back && refused === 0 ? { label: 'Undo', run: () => run(back, workflows) } : undefined,
    });
    done();
  };
  const ask = (verb) => {
    const workflows = chosen.filter((workflow) => verb.fits(workflow.status));
    if (verb.back) {
      run(verb, workflows);
      return;
    }
    confirm({
      title: `${verb.title} ${plural(workflows.length, 'workflow')}?`, action: verb.title, danger: verb.danger,
      text: workflows.slice(0, 8).map((workflow) => workflow.name).join(', ') + (workflows.length > 8 ? ` and ${workflows.length - 8} more` : ''),
      run: () => run(verb, workflows),
    });
  };
  if (!may('user')) return null;
  if (chosen.length === 0) return html`<${AllThatFit} search=${search} done=${done} />`;
  return html`<div class="row flow" role="group" aria-label="What to do with those that were chosen"><strong class="num">${plural(chosen.length, 'workflow')} chosen</strong>
    ${VERBS.map((verb) => {
      const fits = chosen.filter((workflow) => verb.fits(workflow.status)).length;
      return html`<button key=${verb.verb} class=${`button small${verb.danger ? ' danger' : ''}`} disabled=${fits === 0 || Boolean(busy)} onClick=${() => ask(verb)}><${Icon} name=${verb.icon} />${verb.title}${fits > 0 && fits < chosen.length ? ` ${fits}` : ''}</button>`;
    })}
    <span class="muted" role="status">${busy}</span></div>`;
}

function AllThatFit({ search, done }) {
  const filter = filterOf(search);
  if (Object.keys(filter).length === 0) return null;
  const statuses = filter.status ?? [];
  const offers = VERBS.filter((verb) => ['retry', 'cancel'].includes(verb.verb) && (statuses.length === 0 || statuses.some(verb.fits)));
  if (offers.length === 0) return null;
  const ask = async (verb) => {
    const wanted = statuses.filter(verb.fits);
    const body = { filter: { ...filter, ...(wanted.length > 0 ? { status: wanted } : { status: undefined }) }, limit: LIMIT };
    try {
      const plan = await post(`/workflows/${verb.verb}`, { ...body, dry_run: true });
      if (plan.done.length === 0) {
        toast('Nothing that fits can be acted on');
        return;
      }
      confirm({
        title: `${verb.title} ${plan.next_cursor ? 'the first ' : ''}${plural(plan.done.length, 'workflow')}?`, action: verb.title, danger: verb.danger,
        text: plan.done.slice(0, 8).map((one) => one.name).join(', ') + (plan.done.length > 8 ? ` and ${plan.done.length - 8} more` : ''),
        run: async () => {
          const answer = await post(`/workflows/${verb.verb}`, body);
          toast(`${plural(answer.done.length, 'workflow')} ${verb.done}${answer.refused.length > 0 ? `, ${answer.refused.length} could not` : ''}`);
          done();
        },
      });
    } catch (error) {
      toastError(error);
    }
  };
  return html`<div class="row flow" role="group" aria-label="What to do with all that fit"><span class="muted">All that fit:</span>
    ${offers.map((verb) => html`<button key=${verb.verb} class=${`button small${verb.danger ? ' danger' : ''}`} onClick=${() => ask(verb)}><${Icon} name=${verb.icon} />${verb.title}</button>`)}</div>`;
}

function filterOf(search) {
  /** @type {Record<string, any>} */
  const filter = {};
  for (const key of new Set(search.keys())) {
    if (key === 'since') filter.created_after = String(Date.now() - Number(search.get('since')) * 1000);
    else if (key === 'status') filter.status = search.getAll('status').flatMap((value) => value.split(','));
    else if (key.startsWith('metadata.')) filter.metadata = { ...filter.metadata, [key.slice(9)]: search.get(key) };
    else filter[key] = ['tag'].includes(key) ? search.getAll(key) : search.get(key);
  }
  return filter;
}
