// The text editor, loaded when the first one opens. Until then, and where it cannot be loaded, it is a plain field.
import { html, useEffect, useRef, useState } from '../html.js';

/** @type {Promise<any> | null} */
let loading = null;

/**
 * @param {{value: string, onChange?: (text: string) => void, language: 'yaml' | 'json', label: string, readonly?: boolean,
 *   small?: boolean, faults?: {line: number, column: number, message: string}[]}} props
 */
export function Editor({ value, onChange, language, label, readonly, small, faults }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const view = useRef(/** @type {any} */ (null));
  const kit = useRef(/** @type {any} */ (null));
  const latest = useRef(/** @type {any} */ (null));
  const [ready, setReady] = useState(false);
  latest.current = { value, onChange };

  useEffect(() => {
    let gone = false;
    loading ??= import('../vendor/editor.js');
    loading.then((loaded) => {
      if (gone || !box.current) return;
      kit.current = loaded;
      view.current = mount(loaded, box.current, { value: latest.current.value, language, label, readonly, told: (text) => latest.current.onChange?.(text) });
      setReady(true);
    }, () => { loading = null; });
    return () => {
      gone = true;
      view.current?.destroy();
      view.current = null;
    };
  }, [language, readonly]);

  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== value) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
    }
  }, [value]);

  useEffect(() => {
    const editor = view.current;
    if (!editor || !faults) return;
    editor.dispatch(kit.current.setDiagnostics(editor.state, faults.map((fault) => marked(editor.state.doc, fault))));
  }, [faults, ready]);

  return html`<div class=${small ? 'editor small' : 'editor'}>
    <div ref=${box} hidden=${!ready}></div>
    ${!ready && html`<textarea aria-label=${label} spellcheck="false" readonly=${readonly} value=${value} onInput=${(event) => onChange?.(event.target.value)}></textarea>`}
  </div>`;
}

function marked(doc, { line, column, message }) {
  const row = doc.line(Math.max(1, Math.min(doc.lines, line || 1)));
  const from = Math.min(row.to, row.from + Math.max(0, (column || 1) - 1));
  return { from, to: Math.max(from, row.to), severity: 'error', message };
}

/** In a shadow root, where its styles come as sheets of their own and need no exception in the policy of the page. */
function mount(kit, element, { value, language, label, readonly, told }) {
  const root = element.shadowRoot ?? element.attachShadow({ mode: 'open' });
  const { EditorView, EditorState, HighlightStyle, tags } = kit;
  const look = EditorView.theme({
    '&': { height: '100%', color: 'var(--text)', backgroundColor: 'var(--surface)', fontSize: '13px' },
    '&.cm-focused': { outline: 'none' },
    '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55', overflow: 'auto' },
    '.cm-content': { caretColor: 'var(--text)', padding: '10px 0' },
    '.cm-cursor': { borderLeftColor: 'var(--text)' },
    '.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--faint)', border: 'none' },
    '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'color-mix(in srgb, var(--accent) 7%, transparent)' },
    '.cm-selectionBackground, &.cm-focused .cm-selectionBackground': { backgroundColor: 'color-mix(in srgb, var(--accent) 28%, transparent) !important' },
    '.cm-tooltip': { backgroundColor: 'var(--raised)', border: '1px solid var(--line-strong)', color: 'var(--text)' },
  });
  const colours = HighlightStyle.define([
    { tag: [tags.propertyName, tags.definition(tags.propertyName), tags.labelName], color: 'var(--accent)' },
    { tag: tags.string, color: 'var(--completed)' }, { tag: tags.content, color: 'var(--completed)' },
    { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: 'var(--queued)' }, { tag: tags.comment, color: 'var(--faint)' },
  ]);
  const state = EditorState.create({
    doc: value,
    extensions: [
      kit.lineNumbers(), kit.history(), kit.foldGutter(), kit.drawSelection(), kit.indentOnInput(), kit.bracketMatching(),
      kit.highlightActiveLine(), kit.highlightActiveLineGutter(), kit.highlightSpecialChars(), kit.lintGutter(),
      // Tab leaves the editor, as everywhere on the page.
      kit.keymap.of([...kit.defaultKeymap, ...kit.historyKeymap]), language === 'yaml' ? kit.yaml() : kit.json(), kit.syntaxHighlighting(colours), look,
      EditorState.readOnly.of(Boolean(readonly)), EditorState.tabSize.of(2), EditorView.lineWrapping,
      EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
      EditorView.updateListener.of((update) => update.docChanged && told(update.state.doc.toString())),
    ],
  });
  return new EditorView({ state, parent: root, root });
}
