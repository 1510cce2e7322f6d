// Glyphs as paths on a field of 16 by 16, for the page and for the canvas alike.
import { html } from '../html.js';

/** @type {Record<string, string>} */
export const PATHS = {
  check: 'M3 8.6 6.4 12 13 4.6', cross: 'M4 4l8 8M12 4l-8 8', play: 'M5 3.4v9.2L12.4 8z', ring: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11z',
  dots: 'M3.6 8h.01M8 8h.01M12.4 8h.01', turn: 'M13.2 8A5.2 5.2 0 1 1 8 2.8', hand: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11zM8 5v3l2 1.6',
  again: 'M13 3.2v3.2H9.8M13 6.2A5.4 5.4 0 1 0 13.4 8.8', ban: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11zM4.2 4.2l7.6 7.6', leap: 'M2.5 11a5 5 0 0 1 9.4-2.4M12.5 4.6v4.2H8.4',
  pause: 'M5.6 3.5v9M10.4 3.5v9', stack: 'M8 2.6 14 5.6 8 8.6 2 5.6zM2 8.4l6 3 6-3M2 11.1l6 3 6-3', now: 'M2 9h2.6L6.4 3.5 9.4 12.8 11.2 9H14',
  flow: 'M2.2 3h3.6v3.2H2.2zM10.2 3h3.6v3.2h-3.6zM6.2 10h3.6v3.2H6.2zM4 6.2v1.7h8V6.2M8 7.9V10', plug: 'M5.4 2.4v3M10.6 2.4v3M3.6 5.4h8.8v2.2a4.4 4.4 0 0 1-8.8 0zM8 12v1.8',
  list: 'M5.6 4h8M5.6 8h8M5.6 12h8M2.4 4h.01M2.4 8h.01M2.4 12h.01', alert: 'M8 2.4 14.4 13.4H1.6zM8 6.6v3M8 11.6h.01', plus: 'M8 3v10M3 8h10', search: 'M7 2.6a4.4 4.4 0 1 0 0 8.8a4.4 4.4 0 1 0 0-8.8zM10.2 10.2 13.6 13.6',
  sun: 'M8 5.2a2.8 2.8 0 1 0 0 5.6a2.8 2.8 0 1 0 0-5.6zM8 1.4v1.4M8 13.2v1.4M1.4 8h1.4M13.2 8h1.4M3.3 3.3l1 1M11.7 11.7l1 1M12.7 3.3l-1 1M4.3 11.7l-1 1', keys: 'M1.8 4.4h12.4v7.2H1.8zM4.4 7h.01M7 7h.01M9.6 7h.01M12 7h.01M5 9.4h6',
  copy: 'M5.4 5.4h7.8v7.8H5.4zM10.6 5.2V2.8H2.8v7.8h2.4', down: 'M4 6.2 8 10.2l4-4', right: 'M6.2 4l4 4-4 4', left: 'M9.8 4l-4 4 4 4', up: 'M4 9.8l4-4 4 4', link: 'M6.6 9.4 9.4 6.6M7 4.6l1.4-1.4a3 3 0 0 1 4.4 4.4L11.4 9M9 11.4l-1.4 1.4a3 3 0 0 1-4.4-4.4L4.6 7',
  out: 'M9.4 2.6h4v4M13.2 2.8 7.6 8.4M6.6 3.4H3v9.6h9.6V9.4', fit: 'M2.6 6V2.6H6M10 2.6h3.4V6M13.4 10v3.4H10M6 13.4H2.6V10', fold: 'M3 3h10v3.2H3zM4.4 8.4h7.2M5.8 11h4.4', edit: 'M10.6 3 13 5.4 6 12.4l-3 .6.6-3z',
  table: 'M2.4 3h11.2v10H2.4zM2.4 6.4h11.2M6.4 6.4V13', lost: 'M2 5.6a9 9 0 0 1 12 0M4.2 8.2a5.8 5.8 0 0 1 7.6 0M6.4 10.8a2.6 2.6 0 0 1 3.2 0M2 14 14 2', info: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11zM8 7.4v3.4M8 5.2h.01',
  user: 'M8 2.6a2.7 2.7 0 1 0 0 5.4a2.7 2.7 0 1 0 0-5.4zM2.8 13.4a5.2 5.2 0 0 1 10.4 0', leave: 'M9.4 2.8H3v10.4h6.4M6.6 8h7M11 5.2 13.8 8 11 10.8', key: 'M5.2 7.4a3 3 0 1 0 0 6a3 3 0 1 0 0-6zM7.4 8.4 13.2 2.6M11 4.8l2 2',
  disk: 'M3 3.4h10v3.8H3zM3 8.8h10v3.8H3zM5 5.3h.01M5 10.7h.01', stop: 'M4 4h8v8H4z', lock: 'M3.8 7.4h8.4v5.8H3.8zM5.6 7.2V5.4a2.4 2.4 0 0 1 4.8 0v1.8',
};

/** @param {{name: string, title?: string}} props */
export function Icon({ name, title }) {
  return html`<svg class="icon" viewBox="0 0 16 16" role=${title ? 'img' : undefined} aria-label=${title}
    aria-hidden=${title ? undefined : 'true'}><path d=${PATHS[name]} /></svg>`;
}
