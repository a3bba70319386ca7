/** The page of a patient's measurements over the years, in French. */
import type { Texts } from '.';

export const timeline: Texts['timeline'] = {
  title: 'Au fil des années',
  intro: 'Toutes les mesures de cette personne qui ont été acceptées et signées. Ce qui a été refusé n’est pas montré.',
  link: 'Au fil des années',
  back: 'Retour au cas',
  none: 'Aucune mesure de cette personne n’a encore été acceptée.',
  table: 'Tableau (CSV)',
  fhir: 'Ce cas en FHIR',
  bars: 'Barres : un autre examen du même état se situerait entre ces valeurs.',
  unknownDate: 'sans date',
  columns: { date: 'Examen', pipeline: 'Pipeline', reader: 'Signé par', rating: 'Note' },
  growth: {
    title: 'Croissance sur trois examens',
    columns: { quantity: 'Grandeur', since: 'Depuis', before: 'Avant', after: 'Maintenant', change: 'Variation', error: 'Au-delà de l’erreur de mesure' },
    more: 'plus',
    less: 'moins',
    no: 'non',
    unknown: 'inconnu',
  },
  quantities: {
    'new lesions': 'Nouvelles lésions',
    'volume of new lesions': 'Volume des nouvelles lésions',
    'volume added to growing lesions': 'Volume ajouté aux lésions augmentées de volume',
    'volume lost by shrinking and vanished lesions': 'Volume perdu par les lésions réduites ou disparues',
    'whole tumour': 'Tumeur entière',
    'FLAIR hyperintensity': 'Hypersignal FLAIR',
    'non-enhancing or necrotic core': 'Noyau non rehaussé ou nécrotique',
    'enhancing tumour': 'Tumeur rehaussée',
    'product of the two largest diameters': 'Produit des deux plus grands diamètres',
  },
};
