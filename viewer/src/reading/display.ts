/** Which images the three pictures show, and how. */
import type { ImageLine, ImageList } from '../client/api';
import type { Plane } from './grid';
import type { Look } from './scene';

export type Role = ImageLine['role'];

/** What the third picture shows beside the current image. */
export type Right = 'lesions' | 'subtraction' | 'checkerboard';

export interface Display {
  plane: Plane;
  role: Role;
  /** The study on the left: 1 is the prior, 2 and more the ones before. */
  visit: number;
  right: Right;
  blink: boolean;
  crosshair: boolean;
  look: Look;
}

export const firstDisplay = (): Display => ({
  plane: 'axial',
  role: 'FLAIR',
  visit: 1,
  right: 'lesions',
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

/** The name of a visit's series of a role; null when the visit has none. The first three are known without a list. */
export function imageName(list: ImageList | null, visit: number, role: Role): string | null {
  if (role === 'FLAIR' && visit < 2) return visit === 0 ? 'current' : 'prior';
  const line = list?.images.find((image) => image.kind === 'series' && image.visit === visit && image.role === role);
  return line?.name ?? null;
}
