/** What a key means on the case page. */

export type Action =
  | 'next'
  | 'previous'
  | 'accept'
  | 'reject'
  | 'undo'
  | 'overlay'
  | 'reset'
  | 'sliceUp'
  | 'sliceDown'
  | 'zoomIn'
  | 'zoomOut';

const KEYS: Readonly<Record<string, Action>> = {
  n: 'next',
  p: 'previous',
  a: 'accept',
  r: 'reject',
  u: 'undo',
  h: 'overlay',
  '0': 'reset',
  ArrowUp: 'sliceUp',
  PageUp: 'sliceUp',
  ArrowDown: 'sliceDown',
  PageDown: 'sliceDown',
  '+': 'zoomIn',
  '=': 'zoomIn',
  '-': 'zoomOut',
};

export interface Key {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  /** Sent again because the key is held down. */
  repeat: boolean;
}

/** A held key scrolls on, but decides only once. */
const ONCE: readonly Action[] = ['accept', 'reject', 'undo', 'overlay'];

/** Where the focus is: in a text field every key is text; in a control, arrows and space are the control's. */
export type Focus = 'text' | 'control' | 'page';

export function actionOf(event: Key, focus: Focus): Action | null {
  if (focus === 'text' || event.ctrlKey || event.metaKey || event.altKey) return null;
  const moves = event.key.startsWith('Arrow') || event.key.startsWith('Page');
  if (focus === 'control' && moves) return null;
  const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key] ?? null;
  return action && event.repeat && ONCE.includes(action) ? null : action;
}

/** Where the focus is, for a key that reached an element. */
export function focusOf(target: EventTarget | null): Focus {
  if (!(target instanceof HTMLElement)) return 'page';
  if (target.closest('dialog, textarea, [contenteditable], input:not([type=radio]):not([type=checkbox])')) return 'text';
  return target.closest('input, select, summary, [data-scrolls]') ? 'control' : 'page';
}

/** The neighbour of a lesion in the list, round at the ends. */
export function neighbour(numbers: readonly number[], selected: number | null, step: 1 | -1): number | null {
  if (numbers.length === 0) return null;
  const at = selected === null ? -1 : numbers.indexOf(selected);
  if (at < 0) return (step === 1 ? numbers[0] : numbers.at(-1)) ?? null;
  return numbers[(at + step + numbers.length) % numbers.length] ?? null;
}
