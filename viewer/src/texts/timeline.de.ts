/** The page of a patient's measurements over the years, in German. */
import type { Texts } from '.';

export const timeline: Texts['timeline'] = {
  title: 'Langzeitverlauf',
  intro: 'Jede Messung dieser Person, die jemand angenommen und signiert hat. Abgelehntes wird nicht gezeigt.',
  link: 'Langzeitverlauf',
  back: 'Zurück zum Fall',
  none: 'Von dieser Person wurde noch keine Messung angenommen.',
  table: 'Tabelle (CSV)',
  fhir: 'Dieser Fall als FHIR',
  bars: 'Balken: in diesem Bereich läge eine Wiederholungsmessung bei unverändertem Befund.',
  unknownDate: 'ohne Datum',
  columns: { date: 'Untersuchung', pipeline: 'Pipeline', reader: 'Signiert von', rating: 'Bewertung' },
  growth: {
    title: 'Wachstum über drei Zeitpunkte',
    columns: { quantity: 'Größe', since: 'Seit', before: 'Vorher', after: 'Jetzt', change: 'Änderung', error: 'Über dem Messfehler' },
    more: 'mehr',
    less: 'weniger',
    no: 'nein',
    unknown: 'nicht bekannt',
  },
  quantities: {
    'new lesions': 'Neue Läsionen',
    'volume of new lesions': 'Volumen neuer Läsionen',
    'volume added to growing lesions': 'Zuwachs größenprogredienter Läsionen',
    'volume lost by shrinking and vanished lesions': 'Abnahme größenregredienter und verschwundener Läsionen',
    'whole tumour': 'Ganzer Tumor',
    'FLAIR hyperintensity': 'FLAIR-Hyperintensität',
    'non-enhancing or necrotic core': 'Nicht anreichernder oder nekrotischer Kern',
    'enhancing tumour': 'Anreichernder Tumor',
    'product of the two largest diameters': 'Produkt der zwei größten Durchmesser',
  },
};
