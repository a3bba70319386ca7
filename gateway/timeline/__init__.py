"""A patient's accepted measurements over the years, and how they leave as a table or as FHIR."""
