/** The words of a tumour's case page, in German. */
import type { Texts } from '.';

export const tumour: Pick<Texts, 'tumour'> = {
  tumour: {
    title: 'Tumor',
    parts: { 1: 'Nicht anreichernder oder nekrotischer Kern', 2: 'FLAIR-Hyperintensität', 3: 'Anreichernder Tumor' },
    legend: 'Teile des Tumors',
    withTumour: (sequence) => `${sequence} mit Tumor`,
    part: 'Teil',
    volume: 'Volumen',
    verdict: 'Urteil',
    whole: 'Ganzer Tumor',
    diameters: 'Größte anreichernde Läsion',
    notMeasurable: 'nach RANO nicht messbar (unter 10 mm)',
    ml: (volume) => `${volume.toFixed(1).replace('.', ',')} ml`,
    mm: (longest, across) => `${longest.toFixed(0)} mal ${across.toFixed(0)} mm`,
    alarms: 'Verfahren, die abweichen',
    risk: (alarms, of, percent) => `Risiko ${percent} %: ${alarms} von ${of} Vergleichen geben Alarm`,
    riskHint: 'Danach ist die Arbeitsliste geordnet. Ein Alarm sagt, dass ein Verfahren mehr als sonst von der Fusion abweicht; er ist kein Maß der Krankheit.',
    ratios: 'Verhältnisse der Volumen',
    segmenters: 'Gewichte der Verfahren: ganzer Tumor, Kern, anreichernder Tumor',
    signed: (accepted, of) => `${accepted} von ${of} Teilen angenommen`,
    undecided: (n) => `${n} ${n === 1 ? 'Teil' : 'Teile'} annehmen oder ablehnen`,
    alarmsOnList: (n) => `${n} ${n === 1 ? 'Alarm' : 'Alarme'}`,
    onList: (volume) => `Tumor ${volume}`,
  },
};
