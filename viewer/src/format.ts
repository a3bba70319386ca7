/** Names, dates and figures as a reader reads them. */

import { language, texts } from './texts';

const inLetters = new Intl.DateTimeFormat(language, { month: 'short', timeZone: 'UTC' });
const MONTHS = Array.from({ length: 12 }, (_, month) => inLetters.format(Date.UTC(2000, month, 1)));

/** As the language writes it: the German day is an ordinal number. */
const DAY = language === 'de' ? '.' : '';
const POINT = language === 'en' ? '.' : ',';

/** A DICOM person name, `Family^Given^Middle`, as `Family, Given Middle` (PS3.5 6.2.1). */
export function personName(value: string): string {
  const group = value.split('=').find((part) => part.trim() !== '') ?? '';
  const [family = '', given = '', middle = ''] = group.split('^').map((part) => part.trim());
  const rest = [given, middle].filter(Boolean).join(' ');
  return [family, rest].filter(Boolean).join(', ') || '–';
}

/** Whose case it is: the patient, or the readable pseudonym for people who are not shown names. */
export function subject(line: { patient: { name: string }; readable_name: string }): string {
  return line.patient.name ? personName(line.patient.name) : line.readable_name;
}

function dateParts(value: string): readonly [number, number, number] | null {
  const match = /^(\d{4})-?(\d{2})-?(\d{2})/.exec(value.trim());
  return match ? [Number(match[1]), Number(match[2]), Number(match[3])] : null;
}

/** A calendar date, ISO or DICOM, with the month in letters so that no country misreads it. */
export function calendarDate(value: string | null): string {
  const parts = value ? dateParts(value) : null;
  if (!parts) return value?.trim() || '–';
  return `${parts[2]}${DAY} ${MONTHS[parts[1] - 1] ?? '?'} ${parts[0]}`;
}

/** Time between two studies: days, then weeks, months and years. */
export function interval(from: string | null, to: string): string {
  const a = from ? dateParts(from) : null;
  const b = dateParts(to);
  if (!a || !b) return '';
  const days = Math.round((Date.UTC(b[0], b[1] - 1, b[2]) - Date.UTC(a[0], a[1] - 1, a[2])) / 86_400_000);
  if (days < 0) return '';
  if (days < 21) return texts.between.days(days);
  if (days < 84) return texts.between.weeks(Math.round(days / 7));
  const months = Math.round(days / 30.4375);
  return months < 24 ? texts.between.months(months) : texts.between.years(decimal(days / 365.25, 1));
}

/** Date and time on this machine's clock. */
export function moment(value: string): string {
  const at = new Date(value);
  if (Number.isNaN(at.getTime())) return value;
  const two = (n: number) => String(n).padStart(2, '0');
  return `${at.getDate()}${DAY} ${MONTHS[at.getMonth()] ?? '?'} ${at.getFullYear()}, ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** A number with so many digits after the point, which is a comma in other languages. */
export const decimal = (value: number, digits: number): string => value.toFixed(digits).replace('.', POINT);

export function figure(value: number): string {
  if (Number.isInteger(value)) return String(value);
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 3;
  return decimal(value, digits);
}
