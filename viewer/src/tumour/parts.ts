/**
 * How the parts of a tumour are drawn, by their label in the map.
 *
 * `palette.json` agrees with `processing/dicom/palette.py`; a test compares the two.
 */
import type { LesionStyle } from '../reading/colours';
import { styleOf } from '../reading/colours';
import type { TumourPart } from '../client/api';
import palette from './palette.json';

const STYLES: Readonly<Record<string, Omit<LesionStyle, 'filled'> | undefined>> = palette;

/** A rejected part is outlined only, as a rejected lesion is. */
export function partStyle({ number, verdict }: Pick<TumourPart, 'number' | 'verdict'>): LesionStyle {
  const style = STYLES[String(number)];
  return !style || verdict === 'rejected' ? styleOf('rejected') : { ...style, filled: true };
}

/** The sequences of a tumour case in the order in which they are read. */
export const SEQUENCES = ['T1C', 'FLAIR', 'T2', 'T1'] as const;
export type Sequence = (typeof SEQUENCES)[number];

/** Under which name the gateway gives a sequence; all lie on T1C. */
export const imageOf = (sequence: Sequence): string => (sequence === 'T1C' ? 'current' : `current-${sequence}`);
