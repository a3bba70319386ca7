import { expect, test } from 'vitest';

import { pixelsOf } from '../src/reading/pixels';

const header = { shape: [2, 3, 4], pixel_type: 'int16' };

test('bytes become numbers, little end first', () => {
  const bytes = new ArrayBuffer(48);
  new DataView(bytes).setInt16(2, -300, true);
  expect(pixelsOf(header, bytes)[1]).toBe(-300);
  expect(pixelsOf({ ...header, pixel_type: 'uint8' }, new ArrayBuffer(24))).toBeInstanceOf(Uint8Array);
});

test('a volume of another size than its header says is never shown', () => {
  expect(() => pixelsOf(header, new ArrayBuffer(46))).toThrow();
  expect(() => pixelsOf(header, new ArrayBuffer(50))).toThrow();
  expect(() => pixelsOf({ ...header, pixel_type: 'float32' }, new ArrayBuffer(96))).toThrow();
});
