"""Earlier studies in the PACS: finding them and fetching them into the clinical archive."""
