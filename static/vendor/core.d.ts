// The types of what core.js has, as far as the dashboard uses them.
export type Signal<T> = { value: T; peek(): T; subscribe(told: (value: T) => void): () => void };
export function h(type: any, props?: any, ...children: any[]): any;
export function render(node: any, parent: Element): void;
export const Fragment: any;
export class Component { constructor(props?: any); }
export function createRef<T = any>(): { current: T | null };
export function createContext<T>(value: T): any;
export function useState<T>(initial: T | (() => T)): [T, (next: T | ((before: T) => T)) => void];
export function useEffect(run: () => void | (() => void) | boolean | undefined | null, inputs?: any[]): void;
export function useLayoutEffect(run: () => void | (() => void) | undefined, inputs?: any[]): void;
export function useRef<T>(initial: T): { current: T };
export function useMemo<T>(make: () => T, inputs: any[]): T;
export function useCallback<T extends (...args: any[]) => any>(run: T, inputs: any[]): T;
export function useContext(context: any): any;
export function useErrorBoundary(told?: (error: any) => void): [any, () => void];
export function signal<T>(value: T): Signal<T>;
export function computed<T>(make: () => T): Signal<T>;
export function effect(run: () => void | (() => void)): () => void;
export function batch<T>(run: () => T): T;
export function untracked<T>(run: () => T): T;
export function useSignal<T>(value: T): Signal<T>;
export function useComputed<T>(make: () => T): Signal<T>;
export function useSignalEffect(run: () => void): void;
export const htm: { bind(h: any): (strings: TemplateStringsArray, ...values: any[]) => any };
export function io(address: string, options: any): any;
export const uPlot: any;
