/** The words of a tumour's case page, in English. */

const PARTS: Readonly<Record<number, string>> = {
  1: 'Non-enhancing or necrotic core',
  2: 'FLAIR hyperintensity',
  3: 'Enhancing tumour',
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
  },
};
