// The one way in which markup is made: htm templates for Preact. Values are always text, never markup.
import { h, htm } from './vendor/core.js';

export const html = htm.bind(h);
export {
  Fragment, batch, computed, createRef, effect, render, signal, untracked, useCallback, useEffect, useErrorBoundary,
  useLayoutEffect, useMemo, useRef, useState,
} from './vendor/core.js';
