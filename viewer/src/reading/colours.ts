/** Colours of lesions in the images. Red against grey-blue differ in lightness too, for those who see no red. */
import type { Verdict } from '../client/api';

export type Colour = [number, number, number, number];

export const RED: Colour = [255, 40, 40, 255];
export const MUTED: Colour = [110, 140, 170, 255];

/** Red until the reader rejects. */
export const colourOf = (verdict: Verdict | null): Colour => (verdict === 'rejected' ? MUTED : RED);
