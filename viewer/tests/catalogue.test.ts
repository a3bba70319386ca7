import { expect, test } from 'vitest';

import { saying } from '../src/texts/catalogue';
import de from '../src/texts/sentences.de.json';
import fr from '../src/texts/sentences.fr.json';

const inGerman = saying(de);
const inFrench = saying(fr);

test('what the server says is said in the reader’s language, with what was filled in', () => {
  expect(inGerman('The password is wrong; nothing is signed.')).toBe('Das Passwort ist falsch; nichts ist signiert.');
  expect(inGerman('The outline overlaps lesion 12.')).toBe('Der Umriss überlappt mit Läsion 12.');
  expect(inFrench('current T1 registration correlation')).toBe('Corrélation du recalage, actuel T1');
  expect(inGerman('prior signal to noise')).toBe('Signal-Rausch-Verhältnis, vorher');
});

test('sentences that were put together are said one by one, and within each other', () => {
  const [first, second] = ['No earlier study of this patient is in the archive. It becomes the baseline for the next one.', 'The PACS holds none either.'];
  expect(inFrench(`${first} ${second}`)).toBe(`${inFrench(first)} ${inFrench(second)}`);
  expect(inFrench(first)).not.toBe(first);
  expect(inGerman('Revision 1 was signed by Rosa Reader on 2024-05-01 and is replaced by this one: 3 images. The PACS holds none either.')).toMatch(
    /^Revision 1 wurde von Rosa Reader am 2024-05-01 signiert und wird durch diese ersetzt: 3 images\. Auch das PACS hat keine\.$/,
  );
});

test('what no language holds stays as it is', () => {
  expect(inGerman('Something new.')).toBe('Something new.');
  expect(inGerman('Something new. The PACS holds none either. And more')).toBe('Something new. Auch das PACS hat keine. And more');
  expect(saying({})('There is no such case.')).toBe('There is no such case.');
  expect(inGerman('')).toBe('');
});
