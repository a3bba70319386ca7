import { expect, test } from 'vitest';

import { viewOf } from '../src/reading/grid';
import { placeIn, type Picture } from '../src/reading/picture';
import { UNCHANGED } from '../src/reading/window';

const axial: Picture = {
  view: viewOf('axial', [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
  focalPoint: [10, 20, 30],
  mmPerPixel: 0.5,
  size: [400, 300],
  change: UNCHANGED,
};

test('the focal point is in the middle', () => {
  expect(placeIn(axial, [10, 20, 30])).toEqual([200, 150]);
});

test('the patient’s left is on the right, the front on top', () => {
  expect(placeIn(axial, [20, 20, 30])).toEqual([220, 150]);
  expect(placeIn(axial, [10, 5, 30])).toEqual([200, 120]);
});

test('depth does not move a point', () => {
  expect(placeIn(axial, [20, 20, 99])).toEqual([220, 150]);
});
