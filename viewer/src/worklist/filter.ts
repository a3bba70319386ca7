/** Which lines of the worklist are shown. */
import type { CaseState, CaseSummary } from '../client/api';
import { personName } from '../format';

export type Filter = 'all' | 'read' | 'computing' | 'failed' | 'done';
export const FILTERS: readonly Filter[] = ['all', 'read', 'computing', 'failed', 'done'];

const STATES: Readonly<Record<Exclude<Filter, 'all' | 'computing'>, readonly CaseState[]>> = {
  read: ['ready for review', 'waiting for a second reader'],
  failed: ['quarantined', 'not routed', 'registration failed, review by hand'],
  done: ['signed', 'dispatching', 'archived', 'superseded', 'discarded'],
};

function passes(state: CaseState, filter: Filter): boolean {
  if (filter === 'all') return true;
  if (filter === 'computing') return !Object.values(STATES).flat().includes(state);
  return STATES[filter].includes(state);
}

/** What a search looks at; letters with and without accents are the same. */
const folded = (words: string) => words.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

export function shown(cases: readonly CaseSummary[], filter: Filter, search: string): CaseSummary[] {
  const wanted = folded(search).split(/\s+/).filter(Boolean);
  return cases.filter((line) => {
    if (!passes(line.state, filter)) return false;
    const text = folded(`${personName(line.patient.name)} ${line.patient.patient_id} ${line.readable_name}`);
    return wanted.every((word) => text.includes(word));
  });
}
