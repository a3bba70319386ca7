/** The words of a tumour's case page, in English. */
import type { TumourReading } from '../client/api';

const PARTS: Readonly<Record<number, string>> = {
  1: 'Non-enhancing or necrotic core',
  2: 'FLAIR hyperintensity',
  3: 'Enhancing tumour',
};

const READINGS: Readonly<Record<TumourReading, string>> = {
  'tumour larger': 'larger',
  'tumour unchanged': 'unchanged',
  'tumour smaller': 'smaller',
};

export const tumour = {
  tumour: {
    title: 'Tumour',
    parts: PARTS,
    legend: 'Parts of the tumour',
    withTumour: (sequence: string): string => `${sequence} with tumour`,
    part: 'Part',
    volume: 'Volume',
    verdict: 'Verdict',
    whole: 'Whole tumour',
    diameters: 'Largest enhancing lesion',
    notMeasurable: 'not measurable after RANO (under 10 mm)',
    ml: (volume: number): string => `${volume.toFixed(1)} ml`,
    mm: (longest: number, across: number): string => `${longest.toFixed(0)} by ${across.toFixed(0)} mm`,
    alarms: 'Segmenters that disagree',
    risk: (alarms: number, of: number, percent: number): string => `Risk ${percent} %: ${alarms} of ${of} comparisons raise an alarm`,
    riskHint: 'The worklist is ordered by it. An alarm says that a segmenter and the fusion differ more than usual; it is no measure of disease.',
    ratios: 'Volumetric ratios',
    segmenters: 'Weights of the segmenters: whole tumour, core, enhancing tumour',
    signed: (accepted: number, of: number): string => `${accepted} of ${of} parts accepted`,
    undecided: (n: number): string => `accept or reject ${n} ${n === 1 ? 'part' : 'parts'}`,
    alarmsOnList: (n: number): string => `${n} ${n === 1 ? 'alarm' : 'alarms'}`,
    onList: (volume: string): string => `Tumour ${volume}`,
    follow: {
      title: 'Three time points',
      steps: ['Images alone', 'Outlines', 'Volumes'],
      intro: 'Two earlier measurements of this tumour were accepted. Read the images alone first; outlines and volumes are shown afterwards.',
      blind: 'Another reader has signed this case. Read the images alone first.',
      question: 'The tumour is',
      readings: READINGS,
      measure: 'Measure',
      measureHint: 'In the newest study, draw the longest diameter and the one across it',
      measured: (angle: number): string => `The lines cross at ${angle}°`,
      longest: 'Longest (mm)',
      across: 'Across (mm)',
      optional: 'where the lesion can be measured',
      linked: 'Scroll together',
      visits: ['Earlier', 'Previous', 'Current'],
      keep: 'Keep and show the outlines',
      once: 'What you saw cannot be changed afterwards.',
      seen: (reading: string, size: string): string => `By eye: ${reading}${size}`,
      size: (longest: number, across: number): string => `, ${longest.toFixed(0)} by ${across.toFixed(0)} mm`,
      conclude: 'With the volumes, the tumour is',
      differs: 'That is not what you saw in the images: a second reader will read them first.',
      waits: 'Volumes are compared once you accept the result and every part. One that you reject ends the comparison.',
      needs: 'say what you conclude with the volumes',
      fewer: (accepted: number): string =>
        `${accepted === 0 ? 'No earlier measurement' : 'One earlier measurement'} of this tumour has been accepted. With two it is read over three time points.`,
      leftOut: 'Not accepted, and left out:',
    },
  },
};
