import { expect, test } from 'vitest';

import { actionOf, neighbour, type Key } from '../src/review/keyboard';

const key = (name: string, held: Partial<Omit<Key, 'key'>> = {}) => ({
  key: name,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  repeat: false,
  ...held,
});

test.each([
  ['n', 'next'],
  ['P', 'previous'],
  ['a', 'accept'],
  ['R', 'reject'],
  ['u', 'undo'],
  ['h', 'overlay'],
  ['ArrowDown', 'sliceDown'],
  ['PageUp', 'sliceUp'],
  ['0', 'reset'],
] as const)('%s means %s', (name, action) => {
  expect(actionOf(key(name), 'page')).toBe(action);
});

test('in a text field every key is text', () => {
  for (const name of ['a', 'r', 'n', 'ArrowDown', '0']) expect(actionOf(key(name), 'text')).toBeNull();
});

test('a control keeps its arrows, letters still decide', () => {
  expect(actionOf(key('ArrowDown'), 'control')).toBeNull();
  expect(actionOf(key('a'), 'control')).toBe('accept');
});

test('the browser’s own shortcuts stay the browser’s', () => {
  expect(actionOf(key('r', { ctrlKey: true }), 'page')).toBeNull();
  expect(actionOf(key('a', { metaKey: true }), 'page')).toBeNull();
});

test('a held key scrolls on but decides once', () => {
  expect(actionOf(key('a', { repeat: true }), 'page')).toBeNull();
  expect(actionOf(key('r', { repeat: true }), 'page')).toBeNull();
  expect(actionOf(key('ArrowDown', { repeat: true }), 'page')).toBe('sliceDown');
});

test('an unknown key means nothing', () => {
  expect(actionOf(key('z'), 'page')).toBeNull();
  expect(actionOf(key('Tab'), 'page')).toBeNull();
});

test('the list goes round', () => {
  expect(neighbour([4, 7, 9], null, 1)).toBe(4);
  expect(neighbour([4, 7, 9], null, -1)).toBe(9);
  expect(neighbour([4, 7, 9], 9, 1)).toBe(4);
  expect(neighbour([4, 7, 9], 4, -1)).toBe(9);
  expect(neighbour([], null, 1)).toBeNull();
});
