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

export const nextRight = (right: Right): Right => RIGHTS[(RIGHTS.indexOf(right) + 1) % RIGHTS.length] ?? 'lesions';

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
