// The run as it can be submitted again.
import { html, useMemo } from '../html.js';
import { get, segment } from '../state/api.js';
import { address } from '../state/route.js';
import { usePoll } from '../state/poll.js';
import { copy } from '../ui/copy.js';
import { Editor } from '../ui/editor.js';
import { Icon } from '../ui/icons.js';
import { Failure, Loading } from '../ui/pieces.js';

/** Longer ones are copied whole and shown up to here: an editor of megabytes helps nobody. */
const SHOWN_CHARACTERS = 400000;

/** @param {{id: string}} props */
export function Definition({ id }) {
  const { value, error } = usePoll((signal) => get(`/workflows/${segment(id)}/definition`, signal), 0, [id]);
  const text = useMemo(() => (value ? JSON.stringify(value, null, 2) : ''), [value]);
  if (error) return html`<${Failure} error=${error} what="The definition" />`;
  if (!value) return html`<${Loading} what="the definition" />`;
  return html`<div class="row">
      <span class="muted grow">Every task in its explicit form, with edited parameters where there are some.</span>
      <button class="button small" onClick=${() => copy(text, 'Definition copied')}><${Icon} name="copy" />Copy</button>
      <a class="button small" href=${address(['submit'], { from: id })}><${Icon} name="edit" />Edit and run as new</a>
    </div>
    ${text.length > SHOWN_CHARACTERS && html`<p class="note">Only its beginning is shown; copying takes all of it.</p>`}
    <${Editor} value=${text.slice(0, SHOWN_CHARACTERS)} language="json" label="Definition" readonly />`;
}
