import { expect, test } from 'vitest';

import { angleOf, measured } from '../src/tumour/ruler';

const longest = { from: [0, 0, 0], to: [30, 40, 0] } as const;
const across = { from: [10, 0, 0], to: [-6, 12, 0] } as const;

test('the longer line is the longest diameter, whichever was drawn first', () => {
  expect(measured([longest, across])).toEqual([50, 20]);
  expect(measured([across, longest])).toEqual([50, 20]);
});

test('one line, or a mere click, is no measurement', () => {
  expect(measured([longest])).toBeNull();
  expect(measured([longest, { from: [1, 1, 0], to: [1.2, 1, 0] }])).toBeNull();
});

test('the angle between both lines is told without a direction', () => {
  expect(angleOf(longest, across)).toBe(90);
  expect(angleOf(longest, { from: longest.to, to: longest.from })).toBe(0);
});
