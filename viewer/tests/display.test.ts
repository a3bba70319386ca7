import { expect, test } from 'vitest';

import { failing, Failure } from '../src/client/failure';
import { subject } from '../src/format';
import type { ImageList } from '../src/client/api';
import { chooseOwn, firstDisplay, nextRight, rightsFor, shownIn, type Right } from '../src/reading/display';

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

const LIST: ImageList = {
  result: 'job/1',
  visits: [],
  images: (
    [
      ['current', 'series', 0, 'FLAIR'],
      ['prior', 'series', 1, 'FLAIR'],
      ['prior-own', 'own slices', 1, 'FLAIR'],
      ['current-T1', 'series', 0, 'T1'],
      ['current-T1-own', 'own slices', 0, 'T1'],
      ['prior-T1', 'series', 1, 'T1'],
      ['prior-T1-own', 'own slices', 1, 'T1'],
    ] as const
  ).map(([name, kind, visit, role]) => ({ name, kind, visit, role, study_date: '' })),
};

test('in own slices each series is shown as it was acquired; the current FLAIR always is', () => {
  const display = { ...firstDisplay(), own: true };
  const names = () => Object.values(shownIn(LIST, display, false)).map(({ image }) => image);
  expect(names()).toEqual(['prior-own', 'current', 'current']);
  display.role = 'T1';
  expect(names()).toEqual(['prior-T1-own', 'current-T1-own', 'current-T1-own']);
  display.own = false;
  expect(names()).toEqual(['prior-T1', 'current-T1', 'current-T1']);
});

test('what compares voxel by voxel is shown on the one grid only', () => {
  const display = { ...firstDisplay(), role: 'T1' as const, right: 'checkerboard' as const, blink: true };
  chooseOwn(display, true);
  expect(display).toMatchObject({ own: true, right: 'lesions', blink: false });
  for (const changed of [{ right: 'checkerboard' as const }, { right: 'subtraction' as const }, { blink: true }]) {
    const shown = shownIn(LIST, { ...display, ...changed }, true);
    for (const { image, other } of Object.values(shown)) expect(`${image} ${other}`).not.toContain('own');
  }
  expect(shownIn(LIST, { ...display, right: 'checkerboard' }, false).lesions).toMatchObject({ image: 'current-T1', other: 'prior-T1' });
  expect(shownIn(LIST, { ...display, blink: true }, true).current).toMatchObject({ image: 'prior-T1', visit: 1 });
});
