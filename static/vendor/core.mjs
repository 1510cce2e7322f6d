// What the dashboard's own modules import from ./vendor/core.js.
export { h, render, Fragment, Component, createRef, createContext } from 'preact';
export {
  useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback, useContext, useErrorBoundary,
} from 'preact/hooks';
export { signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect } from '@preact/signals';
export { default as htm } from 'htm';
export { io } from 'socket.io-client';
export { default as uPlot } from 'uplot';
