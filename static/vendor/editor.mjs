// The editor, which is loaded when a page with one opens.
export { EditorState, Compartment } from '@codemirror/state';
export {
  EditorView, keymap, lineNumbers, highlightActiveLine, highlightActiveLineGutter, drawSelection,
  highlightSpecialChars,
} from '@codemirror/view';
export { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
export { yaml } from '@codemirror/lang-yaml';
export { json } from '@codemirror/lang-json';
export { HighlightStyle, syntaxHighlighting, indentOnInput, bracketMatching, foldGutter } from '@codemirror/language';
export { linter, lintGutter, setDiagnostics } from '@codemirror/lint';
export { tags } from '@lezer/highlight';
