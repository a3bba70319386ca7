"""The system on one machine, without containers, and a scanner, a reader and a PACS to show it with."""
