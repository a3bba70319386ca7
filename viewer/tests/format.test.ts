import { expect, test } from 'vitest';

import { calendarDate, decimal, figure, interval, personName } from '../src/format';
import { parseRoute, pathOf } from '../src/paths';
import { texts } from '../src/texts/en';

test.each([
  ['Example^Anna', 'Example, Anna'],
  ['Example^Anna^Maria^Dr', 'Example, Anna Maria'],
  ['Example', 'Example'],
  ['', '–'],
  ['=山田^太郎', '山田, 太郎'],
])('the person name %s reads %s', (value, expected) => {
  expect(personName(value)).toBe(expected);
});

test('dates read the same in every country, ISO or DICOM', () => {
  expect(calendarDate('2024-03-05')).toBe('5 Mar 2024');
  expect(calendarDate('20240305')).toBe('5 Mar 2024');
  expect(calendarDate('')).toBe('–');
  expect(calendarDate(null)).toBe('–');
});

test('the time between two studies', () => {
  expect(interval('2024-01-01', '2024-01-11')).toBe('10 days');
  expect(interval('2024-01-01', '2024-02-12')).toBe('6 weeks');
  expect(interval('2023-08-02', '2024-09-18')).toBe('14 months');
  expect(interval('2020-01-01', '2024-07-01')).toBe('4.5 years');
  expect(interval('2024-07-01', '2020-01-01')).toBe('');
  expect(interval(null, '2020-01-01')).toBe('');
});

test('volumes have a unit that fits', () => {
  expect(texts.volume(12.4)).toBe('12 mm³');
  expect(texts.volume(1234)).toBe('1.23 ml');
  expect(texts.volume(999.9)).toBe('1.00 ml');
});

test('figures are short', () => {
  expect(figure(3)).toBe('3');
  expect(figure(0.96412)).toBe('0.964');
  expect(figure(11.23)).toBe('11.2');
  expect(figure(1234.56)).toBe('1235');
  expect(decimal(4.499, 1)).toBe('4.5');
});

test('addresses and pages belong together', () => {
  for (const path of ['/', '/operations', '/scanner', '/cases/a%2Fb', '/cases/a%2Fb/timeline']) expect(pathOf(parseRoute(path))).toBe(path);
  expect(parseRoute('/cases/a%2Fb')).toEqual({ page: 'case', caseId: 'a/b' });
  expect(parseRoute('/nowhere')).toEqual({ page: 'worklist' });
});
