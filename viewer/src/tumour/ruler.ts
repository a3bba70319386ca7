/** Two diameters that a reader draws on a slice (RANO): the longest, and the one across it. */
import { dot, minus, type Vector } from '../reading/grid';

export interface Diameter {
  from: Vector;
  to: Vector;
}

const along = ({ from, to }: Diameter): Vector => minus(to, from);
export const lengthMm = (line: Diameter): number => Math.hypot(...along(line));

/** The angle between two lines in whole degrees, 0 to 90. */
export function angleOf(first: Diameter, second: Diameter): number {
  const product = lengthMm(first) * lengthMm(second);
  if (product === 0) return 0;
  const cosine = Math.min(1, Math.abs(dot(along(first), along(second))) / product);
  return Math.round((Math.acos(cosine) * 180) / Math.PI);
}

/** Longest and shorter length of two lines in millimetres; null until there are two. */
export function measured(lines: readonly Diameter[]): [number, number] | null {
  const [first, second] = lines.map(lengthMm);
  if (first === undefined || second === undefined || Math.min(first, second) < 1) return null;
  return [Math.max(first, second), Math.min(first, second)];
}
