import { expect, test } from 'vitest';

import { failing, Failure } from '../src/client/failure';
import { subject } from '../src/format';
import { nextRight, rightsFor, type Right } from '../src/reading/display';

test('the third picture goes round what it can show', () => {
  const round = (alone: boolean, from: Right = 'lesions') => {
    const seen = [from];
    for (let next = nextRight(from, alone); next !== from; next = nextRight(next, alone)) seen.push(next);
    return seen;
  };
  expect(round(false)).toEqual(['lesions', 'subtraction', 'checkerboard']);
  expect(round(true)).toEqual(['lesions', 'checkerboard']);
  expect(rightsFor(true)).not.toContain('subtraction');
});

test('who is not shown names sees the readable one', () => {
  expect(subject({ patient: { name: 'Demo^Interval' }, readable_name: 'calm-heron-42' })).toBe('Demo, Interval');
  expect(subject({ patient: { name: '' }, readable_name: 'calm-heron-42' })).toBe('calm-heron-42');
});

test('what fails is said, and what is broken is not hidden', async () => {
  expect(await failing(() => Promise.resolve())).toBe('');
  expect(await failing(() => Promise.reject(new Failure(409, 'Somebody was faster.')))).toBe('Somebody was faster.');
  await expect(failing(() => Promise.reject(new TypeError('broken')))).rejects.toThrow('broken');
});
