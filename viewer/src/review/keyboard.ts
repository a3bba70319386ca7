/** What a key means on the case page. */

export const ACTIONS = [
  'next',
  'previous',
  'accept',
  'reject',
  'undo',
  'axial',
  'coronal',
  'sagittal',
  'sequence',
  'own',
  'overlay',
  'fill',
  'blink',
  'right',
  'crosshair',
  'reset',
  'sliceUp',
  'sliceDown',
  'zoomIn',
  'zoomOut',
  'add',
  'edit',
  'erase',
  'smaller',
  'larger',
  'keep',
  'cancel',
] as const;

export type Action = (typeof ACTIONS)[number];

const KEYS: Readonly<Record<string, Action>> = {
  n: 'next',
  p: 'previous',
  a: 'accept',
  r: 'reject',
  u: 'undo',
  '1': 'axial',
  '2': 'coronal',
  '3': 'sagittal',
  q: 'sequence',
  o: 'own',
  h: 'overlay',
  f: 'fill',
  b: 'blink',
  c: 'right',
  x: 'crosshair',
  '0': 'reset',
  ArrowUp: 'sliceUp',
  PageUp: 'sliceUp',
  ArrowDown: 'sliceDown',
  PageDown: 'sliceDown',
  '+': 'zoomIn',
  '=': 'zoomIn',
  '-': 'zoomOut',
  m: 'add',
  e: 'edit',
  d: 'erase',
  '[': 'smaller',
  ']': 'larger',
  Enter: 'keep',
  Escape: 'cancel',
};

export interface Key {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  /** Sent again because the key is held down. */
  repeat: boolean;
}

/** A held key goes on with these; everything else it does only once. */
const REPEATED: readonly Action[] = ['next', 'previous', 'sliceUp', 'sliceDown', 'zoomIn', 'zoomOut', 'smaller', 'larger'];

/** Where the focus is: in a text field every key is text; a control has arrows of its own; Enter presses a button. */
export type Focus = 'text' | 'control' | 'button' | 'page';

export function actionOf(event: Key, focus: Focus): Action | null {
  if (focus === 'text' || event.ctrlKey || event.metaKey || event.altKey) return null;
  const moves = event.key.startsWith('Arrow') || event.key.startsWith('Page');
  if (focus === 'control' && moves) return null;
  if ((focus === 'control' || focus === 'button') && event.key === 'Enter') return null;
  const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key] ?? null;
  return action && event.repeat && !REPEATED.includes(action) ? null : action;
}

/** Where the focus is, for a key that reached an element. */
export function focusOf(target: EventTarget | null): Focus {
  if (!(target instanceof HTMLElement)) return 'page';
  if (target.closest('dialog, textarea, [contenteditable], input:not([type=radio], [type=checkbox], [type=range])')) return 'text';
  if (target.closest('input, select, summary, [data-scrolls]')) return 'control';
  return target.closest('button, a') ? 'button' : 'page';
}

/** The neighbour of a lesion in the list, round at the ends. */
export function neighbour(numbers: readonly number[], selected: number | null, step: 1 | -1): number | null {
  if (numbers.length === 0) return null;
  const at = selected === null ? -1 : numbers.indexOf(selected);
  if (at < 0) return (step === 1 ? numbers[0] : numbers.at(-1)) ?? null;
  return numbers[(at + step + numbers.length) % numbers.length] ?? null;
}
