/** The result of a review in words, for the dialog in which it is signed. */
import type { Acceptance, LesionLine, Reading, TumourPart, TumourReading } from '../client/api';
import { texts } from '../texts';

/**
 * What will be reported, in one line.
 *
 * The total counts new lesions and the growth of growing ones; a vanished lesion's volume is gone and is not added.
 */
export function resultInWords(lesions: readonly LesionLine[], acceptance: Acceptance | null): string {
  const words = texts.signing;
  if (acceptance === 'unacceptable') return words.summaryUnacceptable;
  if (lesions.length === 0) return words.summaryNone;
  const accepted = lesions.filter(({ verdict }) => verdict === 'accepted');
  const of = (change: LesionLine['change']) => accepted.filter((line) => line.change === change);
  const parts = [
    words.summary(accepted.length, lesions.length),
    ...words.kinds(of('new').length, of('growing').length, of('shrinking').length, of('vanished').length),
  ];
  const grown = [...of('new'), ...of('growing')];
  if (grown.length > 0) {
    parts.push(words.total(texts.volume(grown.reduce((sum, line) => sum + line.volume_mm3, 0))));
  }
  return parts.join(', ');
}

/** What a reader saw, of lesions or of a tumour. */
export function readingInWords(reading: Reading | TumourReading): string {
  const words: Readonly<Record<Reading | TumourReading, string>> = { ...texts.assessment.readings, ...texts.tumour.follow.readings };
  return words[reading];
}

/** The same of a tumour: its parts, and their volume where none is left out. */
export function tumourInWords(parts: readonly TumourPart[], acceptance: Acceptance | null): string {
  if (acceptance === 'unacceptable') return texts.signing.summaryUnacceptable;
  const accepted = parts.filter(({ verdict }) => verdict === 'accepted');
  const words = texts.tumour.signed(accepted.length, parts.length);
  if (accepted.length < parts.length) return words;
  return `${words}, ${texts.tumour.ml(accepted.reduce((sum, part) => sum + part.volume_ml, 0))}`;
}

/** Numbers and volumes of what the reader has not rejected, as they stand now. */
export function totals(lesions: readonly LesionLine[]): string[] {
  const words = texts.lesions;
  const counted = lesions.filter(({ verdict }) => verdict !== 'rejected');
  const of = (...changes: LesionLine['change'][]) => counted.filter(({ change }) => changes.includes(change));
  const volume = (lines: LesionLine[]) => texts.volume(lines.reduce((sum, line) => sum + line.volume_mm3, 0));
  const [added, grown, lost] = [of('new'), of('growing'), of('shrinking', 'vanished')];
  const parts: string[] = [];
  if (added.length > 0) parts.push(words.newTotal(added.length, volume(added)));
  if (grown.length > 0) parts.push(words.growingTotal(grown.length, volume(grown)));
  if (added.length > 0 && grown.length > 0) parts.push(words.load(volume([...added, ...grown])));
  if (parts.length === 0) parts.push(words.noTotals);
  if (lost.length > 0) parts.push(words.lostTotal(lost.length, volume(lost)));
  return parts;
}

/** What is still missing before the review can be signed; empty when nothing is. */
export function missing(review: {
  lesions: readonly LesionLine[];
  parts?: readonly TumourPart[];
  acceptance: Acceptance | null;
  rating: number | null;
  comment: string;
  compared?: boolean;
  allAccepted?: boolean;
  concluded?: TumourReading | null;
}): string[] {
  const needs = texts.assessment.needs;
  const undecided = review.lesions.filter(({ verdict }) => verdict === null).length;
  const list: string[] = [];
  const parts = review.parts?.filter(({ verdict }) => verdict === null).length ?? 0;
  if (undecided > 0 && review.acceptance !== 'unacceptable') list.push(needs.verdicts(undecided));
  if (parts > 0 && review.acceptance !== 'unacceptable') list.push(texts.tumour.undecided(parts));
  if (review.acceptance === null) list.push(needs.acceptance);
  if (review.rating === null) list.push(needs.rating);
  if (review.acceptance === 'unacceptable' && review.comment.trim() === '') list.push(needs.comment);
  if (review.compared && review.allAccepted && parts === 0 && !review.concluded) list.push(texts.tumour.follow.needs);
  return list;
}

/** Whether the reader's eye and the accepted result disagree; the gateway then asks for a second reader. */
export function disagrees(review: {
  lesions: readonly LesionLine[];
  acceptance: Acceptance | null;
  visual: Reading | null;
  seen?: TumourReading | null;
  concluded?: TumourReading | null;
  allAccepted?: boolean;
}): boolean {
  if (review.seen && review.concluded && review.allAccepted) return review.seen !== review.concluded;
  if (review.visual === null || review.acceptance === 'unacceptable') return false;
  const active = review.lesions.some(
    ({ verdict, change }) => verdict === 'accepted' && (change === 'new' || change === 'growing'),
  );
  return active !== (review.visual === 'new or growing lesions');
}
