/** The words of a tumour's case page, in French. */
import type { Texts } from '.';

export const tumour: Pick<Texts, 'tumour'> = {
  tumour: {
    title: 'Tumeur',
    parts: { 1: 'Noyau non rehaussé ou nécrotique', 2: 'Hypersignal FLAIR', 3: 'Tumeur rehaussée' },
    legend: 'Parties de la tumeur',
    withTumour: (sequence) => `${sequence} avec tumeur`,
    part: 'Partie',
    volume: 'Volume',
    verdict: 'Verdict',
    whole: 'Tumeur entière',
    diameters: 'Plus grande lésion rehaussée',
    notMeasurable: 'non mesurable selon RANO (moins de 10 mm)',
    ml: (volume) => `${volume.toFixed(1).replace('.', ',')} ml`,
    mm: (longest, across) => `${longest.toFixed(0)} sur ${across.toFixed(0)} mm`,
    alarms: 'Méthodes en désaccord',
    risk: (alarms, of, percent) => `Risque ${percent} % : ${alarms} comparaisons sur ${of} donnent l’alarme`,
    riskHint: 'La liste est triée d’après lui. Une alarme dit qu’une méthode s’écarte de la fusion plus que d’habitude ; elle ne mesure pas la maladie.',
    ratios: 'Rapports des volumes',
    segmenters: 'Poids des méthodes : tumeur entière, noyau, tumeur rehaussée',
    signed: (accepted, of) => `${accepted} parties acceptées sur ${of}`,
    undecided: (n) => `accepter ou rejeter ${n} ${n === 1 ? 'partie' : 'parties'}`,
    alarmsOnList: (n) => `${n} ${n === 1 ? 'alarme' : 'alarmes'}`,
    onList: (volume) => `Tumeur ${volume}`,
  },
};
