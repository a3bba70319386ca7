import { expect, test } from 'vitest';

import type { CaseState, CaseSummary } from '../src/client/api';
import { FILTERS, shown } from '../src/worklist/filter';
import { texts } from '../src/texts/en';

const line = (state: CaseState, name = 'Müller^Änne', readable = 'calm-heron-42'): CaseSummary =>
  ({ state, readable_name: readable, patient: { name, patient_id: '4711', birth_date: '', sex: '' } }) as CaseSummary;

test('every state is in exactly one group', () => {
  for (const state of Object.keys(texts.states) as CaseState[]) {
    const groups = FILTERS.filter((filter) => filter !== 'all' && shown([line(state)], filter, '').length === 1);
    expect(groups, state).toHaveLength(1);
    expect(shown([line(state)], 'all', '')).toHaveLength(1);
  }
});

test('a search finds names, IDs and readable names, with or without accents', () => {
  for (const search of ['muller', 'Änne mül', '471', 'HERON', '']) {
    expect(shown([line('archived')], 'all', search), search).toHaveLength(1);
  }
  for (const search of ['meier', 'heron 42x', 'muller xavier']) {
    expect(shown([line('archived')], 'all', search), search).toHaveLength(0);
  }
});

test('the order of the gateway stays', () => {
  const cases = [line('archived', 'B'), line('ready for review', 'A'), line('archived', 'C')];
  expect(shown(cases, 'done', '').map(({ patient }) => patient.name)).toEqual(['B', 'C']);
});
