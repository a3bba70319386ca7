import { expect, test } from 'vitest';

import { texts as de } from '../src/texts/de';
import { texts as en } from '../src/texts/en';
import { texts as fr } from '../src/texts/fr';
import frSentences from '../src/texts/sentences.fr.json';

/** Fills any blank of a text. */
const filling = Object.assign(new Number(2), { join: () => '2' });

/** What a text says, whatever it is filled with. */
const spoken = (text: unknown): string =>
  String(typeof text === 'function' ? text(...Array.from({ length: text.length }, () => filling)) : text);

/** Every text with its path; functions by their name alone. */
function flat(value: unknown, path = ''): [string, unknown][] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([key, part]) => flat(part, `${path}.${key}`));
}

test('every language has the same texts, and none is left empty that English fills', () => {
  const english = new Map(flat(en));
  for (const language of [de, fr]) {
    const other = new Map(flat(language));
    expect([...other.keys()].sort()).toEqual([...english.keys()].sort());
    for (const [path, text] of english) expect(other.get(path) === '', path).toBe(text === '');
  }
});

test('a German and a French page say what they are not', () => {
  expect(de.disclaimer).toContain('kein Medizinprodukt');
  expect(fr.disclaimer).toContain('pas un dispositif médical');
});

test('a French text has its narrow space before double punctuation', () => {
  const said = [...Object.values(frSentences).slice(3), ...flat(fr).map(([, text]) => spoken(text))];
  const bare = said.filter((text) => /(^|[^\u202f?!])[;:!?»](?=[\s’»)]|$)|«(?!\u202f)/.test(text));
  expect(bare).toEqual([]);
});

test('counts follow the language', () => {
  expect([de.worklist.total(1), de.worklist.total(2)]).toEqual(['1 Fall', '2 Fälle']);
  expect(fr.lesions.newTotal(1, '12 mm³')).toBe('1 nouvelle, 12 mm³');
  expect(de.volume(1234)).toBe('1,23 ml');
});
