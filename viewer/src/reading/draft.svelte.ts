/** An outline while the reader draws it; nothing is stored before it is kept. */
import type { Said } from '../review/queue';
import type { Grid, Vector } from './grid';
import { dab, placesOf, voxelMm3, type Places } from './labels';
import type { Pixels } from './pixels';

export type Region = Said['region'];
export type Side = Said['side'];

const FIRST_RADIUS_MM = 2;
const SMALLEST_MM = 0.5;
const LARGEST_MM = 12;

export class Draft {
  erase = $state(false);
  radiusMm = $state(FIRST_RADIUS_MM);
  /** How far a click grew, between the surroundings' intensity and the peak's. */
  level = $state(0.5);
  region = $state<Region | null>(null);
  side = $state<Side | null>(null);
  change = $state<Said['change']>('new');
  /** What was there at the earlier study, of a growing lesion. */
  priorMm3 = $state(0);
  volumeMm3 = $state(0);

  private voxels = 0;

  constructor(
    readonly number: number,
    /** Where the reader clicked, for a lesion that the algorithm missed. */
    readonly seed: Vector | null,
    /** The map in which it is drawn: a copy. */
    readonly labels: Pixels,
    private readonly grid: Grid,
  ) {
    this.count();
  }

  get added(): boolean {
    return this.seed !== null;
  }

  /** Whether it can be kept: it has voxels, and a missed lesion has a place in words. */
  get complete(): boolean {
    return this.volumeMm3 > 0 && (!this.added || this.said !== null);
  }

  /** What the reader says of a missed lesion. */
  get said(): Said | null {
    const { region, side, change, priorMm3 } = this;
    return region && side ? { region, side, change, prior_volume_mm3: priorMm3 } : null;
  }

  get places(): Places {
    return placesOf(this.labels, this.number);
  }

  /** Nothing was found there at the earlier study that could have grown. */
  becomeNew(): void {
    this.change = 'new';
    this.priorMm3 = 0;
  }

  /** Take other voxels, where no other lesion is. */
  replace(places: Places): void {
    for (const place of this.places) this.labels[place] = 0;
    for (const place of places) if (this.labels[place] === 0) this.labels[place] = this.number;
    this.count();
  }

  /** Paint or erase at a voxel, in the plane of two axes; answers whether anything changed. */
  stroke(index: Vector, axes: readonly [number, number]): boolean {
    const changed = dab(this.labels, this.grid, this.number, { index, axes, radiusMm: this.radiusMm, erase: this.erase });
    if (changed) this.count();
    return changed;
  }

  resize(by: 1 | -1): void {
    this.radiusMm = Math.min(LARGEST_MM, Math.max(SMALLEST_MM, this.radiusMm + by * 0.5));
  }

  private count(): void {
    this.voxels = 0;
    for (let i = 0; i < this.labels.length; i += 1) if (this.labels[i] === this.number) this.voxels += 1;
    this.volumeMm3 = this.voxels * voxelMm3(this.grid);
  }
}
