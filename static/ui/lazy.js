// Screens and views that are fetched when they are first opened, and again when a server that was away is back.
import { html, useEffect, useState } from '../html.js';
import { link } from '../state/live.js';
import { Failure, Loading } from './pieces.js';

/**
 * @param {() => Promise<any>} load @param {string} name of the component in the module
 * @returns {(props: any) => any}
 */
export function lazy(load, name) {
  /** @type {any} */
  let found = null;
  return function Lazy(props) {
    const [state, setState] = useState({ component: found, error: /** @type {any} */ (null) });
    const away = link.value === 'lost';
    useEffect(() => {
      if (state.component || (away && state.error)) return undefined;
      let gone = false;
      load().then((module) => {
        found = module[name];
        if (!gone) setState({ component: found, error: null });
      }, (error) => gone || setState({ component: null, error }));
      return () => { gone = true; };
    }, [away]);
    if (state.error) return html`<${Failure} error=${{ message: 'Its program could not be loaded. It is loaded when the server is back.' }} what="This view" />`;
    return state.component ? html`<${state.component} ...${props} />` : html`<${Loading} what="the view" />`;
  };
}
