import { expect, test } from 'vitest';

import { saying } from '../src/texts/catalogue';
import de from '../src/texts/sentences.de.json';
import fr from '../src/texts/sentences.fr.json';

const inGerman = saying(de);
const inFrench = saying(fr);

test('what the server says is said in the reader’s language, with what was filled in', () => {
  expect(inGerman('The password is wrong; nothing is signed.')).toBe('Das Passwort ist falsch; nichts ist signiert.');
  expect(inGerman('The outline overlaps lesion 12.')).toBe('Die Kontur überlappt mit Läsion 12.');
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

test('reasons that were put together from phrases are said phrase by phrase', () => {
  expect(
    inGerman('T1-weighted after contrast agent (TR 1900 ms, TE 2.5 ms, flip angle 9); series 5 has finer voxels (0.8 mm)'),
  ).toBe('T1-gewichtet nach Kontrastmittel (TR 1900 ms, TE 2,5 ms, Flipwinkel 9°); Serie 5 hat kleinere Voxel (0,8 mm)');
  expect(inFrench("No route fits this study (ms-follow-up: the study's modality fits none of 1 patterns: CT; b: the study does not fit).")).toBe(
    'Aucun circuit ne convient à cet examen (ms-follow-up\u202f: la modalité ne correspond à aucun motif (sur 1)\u202f: CT\u202f; b\u202f: l’examen ne convient pas).',
  );
  expect(inGerman('2 slices are missing: 1 after 52.0 mm; 1 after 82.5 mm (slices are 3.00 mm apart).')).toBe(
    '2 Schichten fehlen: 1 nach 52,0 mm; 1 nach 82,5 mm (Schichtabstand 3,00 mm).',
  );
});

test('the target before a reason stays, and so does what nobody knows', () => {
  expect(inGerman("pacs: The PACS can't be reached.")).toBe('pacs: Das PACS ist nicht erreichbar.');
  expect(inGerman('a note; with two parts')).toBe('a note; with two parts');
  expect(inGerman('constructor')).toBe('constructor');
});

test('several routes’ reasons in brackets are one sentence, and a figure has the language’s comma', () => {
  expect(inGerman("No route fits this study (ms-follow-up: a description fits '*knee*'; tumour: the study's modality fits none of 1 patterns: MR).")).toBe(
    'Kein Ablauf passt zu dieser Untersuchung (ms-follow-up: eine Beschreibung passt zu „*knee*“; tumour: die Modalität passt zu keinem Muster (von 1): MR).',
  );
  expect(inGerman('Outside of what the first 20 results of ms_longitudinal 0.4.0 on A Scanner 1.5 T let expect: run time rose from 59.8 to 119 s in the last 10.')).toBe(
    'Außerhalb dessen, was die ersten 20 Ergebnisse von ms_longitudinal 0.4.0 an A Scanner 1.5 T erwarten lassen: Rechenzeit stieg von 59,8 auf 119 s in den letzten 10 Ergebnissen.',
  );
});
