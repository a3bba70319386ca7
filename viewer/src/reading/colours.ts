/**
 * How a lesion is drawn, by what became of it and by the reader's verdict.
 *
 * `palette.json` agrees with `processing/dicom/palette.py`, which colours the pictures in the PACS; a test compares
 * the two. The colours differ in lightness and the lines in their dashes, for those who see no red.
 */
import type { LesionLine } from '../client/api';
import palette from './palette.json';

export type Status = keyof typeof palette;

export interface LesionStyle {
  rgb: readonly number[];
  dash: readonly number[];
  /** What is gone, and what the reader rejected, is outlined only: nobody takes it for a lesion that is there. */
  filled: boolean;
}

export const STATUSES: readonly Status[] = ['new', 'growing', 'shrinking', 'vanished', 'rejected'];

export const statusOf = ({ change, verdict }: Pick<LesionLine, 'change' | 'verdict'>): Status =>
  verdict === 'rejected' ? 'rejected' : change;

export const styleOf = (status: Status): LesionStyle => ({
  ...palette[status],
  filled: status === 'new' || status === 'growing',
});

export const cssColour = ({ rgb }: LesionStyle, alpha = 1): string => `rgb(${rgb.join(' ')} / ${alpha})`;
