import { expect, test } from 'vitest';

import type { LesionLine } from '../src/client/api';
import { disagrees, missing, resultInWords, totals } from '../src/review/summary';

const lesion = (number: number, change: LesionLine['change'], volume: number, verdict: LesionLine['verdict']): LesionLine => ({
  number,
  change,
  volume_mm3: volume,
  prior_volume_mm3: 0,
  centroid_index: [0, 0, 0],
  region: 'periventricular',
  side: 'left',
  score: 0.9,
  disputed: false,
  partial_volume_mm3: null,
  outline: 'algorithm',
  measured_mm3: null,
  limits_of_agreement_mm3: null,
  exceeds_measurement_error: null,
  below_quantification: false,
  verdict,
});

const lesions = [
  lesion(1, 'new', 300, 'accepted'),
  lesion(2, 'growing', 100, 'accepted'),
  lesion(3, 'new', 90, 'rejected'),
  lesion(4, 'new', 12.4, 'accepted'),
  lesion(5, 'vanished', 50, 'accepted'),
];

test('the result in words counts accepted lesions only', () => {
  expect(resultInWords(lesions, 'acceptable')).toBe(
    '4 of 5 lesions accepted, 2 new, 1 growing, 1 vanished, total 412 mm³',
  );
});

test('nothing accepted has no total', () => {
  expect(resultInWords([lesion(1, 'new', 20, 'rejected')], 'acceptable')).toBe('0 of 1 lesion accepted');
});

test('an unacceptable result never names a volume', () => {
  expect(resultInWords(lesions, 'unacceptable')).not.toMatch(/mm³|ml/);
});

test('no lesion is a result too', () => {
  expect(resultInWords([], 'acceptable')).toBe('no lesion found, no change');
});

test('what is missing is named until nothing is', () => {
  const open = [lesion(1, 'new', 20, null)];
  expect(missing({ lesions: open, acceptance: null, rating: null, comment: '' })).toHaveLength(3);
  expect(missing({ lesions: open, acceptance: 'acceptable', rating: 4, comment: '' })).toEqual(['decide on 1 more lesion']);
  expect(missing({ lesions, acceptance: 'acceptable', rating: 4, comment: '' })).toEqual([]);
});

test('an unacceptable result needs its reason, not each verdict', () => {
  const open = [lesion(1, 'new', 20, null)];
  expect(missing({ lesions: open, acceptance: 'unacceptable', rating: 1, comment: '  ' })).toHaveLength(1);
  expect(missing({ lesions: open, acceptance: 'unacceptable', rating: 1, comment: 'motion' })).toEqual([]);
});

test('totals follow the verdicts: what is rejected is not counted, a lost volume not added', () => {
  const lines = [lesion(1, 'new', 300, null), lesion(2, 'growing', 100, 'accepted'), lesion(3, 'vanished', 50, null)];
  expect(totals(lines)).toEqual(['1 new, 300 mm³', '1 growing, +100 mm³', 'added in all 400 mm³', '1 shrinking or vanished, −50 mm³']);
  expect(totals([lesion(1, 'new', 300, 'rejected')])).toEqual(['nothing new or growing']);
});

test('a tumour over three time points wants a conclusion with its volumes, and a second reader where that differs', () => {
  const read = { lesions: [], parts: [], acceptance: 'acceptable', rating: 4, comment: '', visual: null, compared: true } as const;
  const seen = { ...read, seen: 'tumour unchanged', allAccepted: true } as const;
  expect(missing({ ...seen, concluded: null })).toEqual(['say what you conclude with the volumes']);
  expect(missing({ ...seen, concluded: null, allAccepted: false })).toEqual([]);
  expect(missing({ ...seen, concluded: 'tumour larger' })).toEqual([]);
  expect(disagrees({ ...seen, concluded: 'tumour larger' })).toBe(true);
  expect(disagrees({ ...seen, concluded: 'tumour unchanged' })).toBe(false);
});
