/**
 * Brightness and contrast, linked between images of different scanners.
 *
 * MR intensities have no unit: the prior's scale is its own. What is linked is the change relative to each image's
 * own default, so that a darker current image means an equally darker prior.
 */

/** DICOM window centre and width, in stored intensities. */
export interface Window {
  center: number;
  width: number;
}

/** A change of window that applies to any image. */
export interface RelativeWindow {
  /** Shift of the centre, in default widths. */
  shift: number;
  /** Width, in default widths. */
  factor: number;
}

export interface IntensityRange {
  lower: number;
  upper: number;
}

export const UNCHANGED: RelativeWindow = { shift: 0, factor: 1 };

const NARROWEST = 0.02;
const WIDEST = 8;

export const rangeOf = ({ center, width }: Window): IntensityRange => ({
  lower: center - width / 2,
  upper: center + width / 2,
});

export const windowOf = ({ lower, upper }: IntensityRange): Window => ({
  center: (lower + upper) / 2,
  width: upper - lower,
});

/** Pixels of sideways drag that widen a window e times, and of downward drag that shift it by its own width. */
const DRAG_PIXELS = 250;

/** A window after a drag: right is wider (less contrast), down is a higher centre (darker). */
export function dragged({ center, width }: Window, dx: number, dy: number): Window {
  return { center: center + (dy / DRAG_PIXELS) * width, width: width * Math.exp(dx / DRAG_PIXELS) };
}

/** The change that leads from an image's default to the window that it has now. */
export function relativeTo(standard: Window, now: Window): RelativeWindow {
  return { shift: (now.center - standard.center) / standard.width, factor: now.width / standard.width };
}

/** An image's window under a change, kept within sense. */
export function applied(standard: Window, change: RelativeWindow): Window {
  const factor = Math.min(WIDEST, Math.max(NARROWEST, change.factor));
  return { center: standard.center + change.shift * standard.width, width: standard.width * factor };
}
