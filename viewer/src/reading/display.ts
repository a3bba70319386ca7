/** Which images the three pictures show, and how. */
import type { ImageLine, ImageList } from '../client/api';
import type { Plane } from './grid';
import type { Look } from './outlines';
import type { PaneName } from './scene';

export type Role = ImageLine['role'];

/** What the third picture shows beside the current image. */
export type Right = 'lesions' | 'subtraction' | 'checkerboard';

export interface Display {
  plane: Plane;
  role: Role;
  /** The study on the left: 1 is the prior, 2 and more the ones before. */
  visit: number;
  right: Right;
  /** Each series in its own slices, not resampled onto the current FLAIR's. */
  own: boolean;
  blink: boolean;
  crosshair: boolean;
  look: Look;
}

export const firstDisplay = (): Display => ({
  plane: 'axial',
  role: 'FLAIR',
  visit: 1,
  right: 'lesions',
  own: false,
  blink: false,
  crosshair: false,
  look: { shown: true, filled: true, opacity: 1 },
});

const RIGHTS: readonly Right[] = ['lesions', 'subtraction', 'checkerboard'];

/** What the third picture can show; a subtraction is the algorithm's, and not for somebody who reads the images alone. */
export const rightsFor = (alone: boolean): readonly Right[] => (alone ? RIGHTS.filter((right) => right !== 'subtraction') : RIGHTS);

export function nextRight(right: Right, alone: boolean): Right {
  const rights = rightsFor(alone);
  return rights[(rights.indexOf(right) + 1) % rights.length] ?? 'lesions';
}

/** Sequences that any visit has, in the gateway's order. */
export function rolesOf(list: ImageList | null): Role[] {
  const series = list?.images.filter(({ kind }) => kind === 'series') ?? [];
  return [...new Set(series.map(({ role }) => role))];
}

/**
 * The name of a visit's series of a role; null when the visit has none. The first three are known without a list.
 *
 * In its own slices the current FLAIR is what it always is: all else is resampled onto it.
 */
export function imageName(list: ImageList | null, visit: number, role: Role, own = false): string | null {
  const named = (kind: ImageLine['kind']) =>
    list?.images.find((image) => image.kind === kind && image.visit === visit && image.role === role)?.name;
  const untouched = own ? named('own slices') : undefined;
  if (untouched) return untouched;
  if (role === 'FLAIR' && visit < 2) return visit === 0 ? 'current' : 'prior';
  return named('series') ?? null;
}

/** What a picture shows: the visit's image of a name, and in a checkerboard another one. */
export interface Shown {
  image: string | null;
  visit: number;
  other: string | null;
}

/**
 * The images of the three pictures.
 *
 * Blinking, subtraction and checkerboard compare voxel by voxel: they are shown on the one grid only.
 */
export function shownIn(list: ImageList | null, display: Display, blinkPhase: boolean): Record<PaneName, Shown> {
  const blinking = display.blink && blinkPhase;
  const own = display.own && !display.blink && display.right === 'lesions';
  const now = { image: imageName(list, 0, display.role, own), visit: 0, other: null };
  const before = { image: imageName(list, display.visit, display.role, own), visit: display.visit, other: null };
  const right = display.right === 'subtraction' ? { ...now, image: 'subtraction' } : now;
  return {
    prior: before,
    current: blinking ? before : now,
    lesions: display.right === 'checkerboard' ? { ...right, other: before.image } : right,
  };
}

/** Show each series in its own slices, or all on the one grid; what compares voxel by voxel ends with the former. */
export function chooseOwn(display: Display, own: boolean): void {
  display.own = own;
  if (!own) return;
  display.blink = false;
  display.right = 'lesions';
}
