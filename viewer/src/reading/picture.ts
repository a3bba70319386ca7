/** The state of the three linked pictures, free of any drawing library. */
import { dot, minus, rightOf, type Vector, type View } from './grid';
import type { RelativeWindow } from './window';

/** What the pictures show now; the overlays are drawn from it, each with the view of its own image. */
export interface Picture {
  view: View;
  focalPoint: Vector;
  /** Millimetres in one CSS pixel. */
  mmPerPixel: number;
  /** Size of each picture in CSS pixels. */
  size: readonly [number, number];
  change: RelativeWindow;
}

/** Where a world point lies in a picture, in CSS pixels from the top left. */
export function placeIn(picture: Picture, point: Vector): readonly [number, number] {
  const { view, focalPoint, mmPerPixel, size } = picture;
  const from = minus(point, focalPoint);
  return [
    size[0] / 2 + dot(from, rightOf(view)) / mmPerPixel,
    size[1] / 2 - dot(from, view.up) / mmPerPixel,
  ];
}
