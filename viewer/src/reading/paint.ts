/** Intensities as grey pixels. */
import type { Cut } from './cut';
import type { Pixels } from './pixels';
import type { Window } from './window';

const OPAQUE = 0xff000000;

/**
 * Write one slice into RGBA pixels, row by row.
 *
 * The window is DICOM's linear one (PS3.3 C.11.2.1.2), without its half steps: MR intensities are not that exact.
 */
export function paintSlice(into: Uint32Array, pixels: Pixels, cut: Cut, slice: number, { center, width }: Window): void {
  const { row, column } = cut;
  const gain = 255 / width;
  const offset = 127.5 - center * gain;
  let at = 0;
  let rowStart = cut.start + slice * cut.slice.stride;
  for (let r = 0; r < row.count; r += 1) {
    let from = rowStart;
    for (let c = 0; c < column.count; c += 1) {
      const value = (pixels[from] as number) * gain + offset;
      const grey = value <= 0 ? 0 : value >= 255 ? 255 : value | 0;
      into[at] = OPAQUE | (grey << 16) | (grey << 8) | grey;
      at += 1;
      from += column.stride;
    }
    rowStart += row.stride;
  }
}
