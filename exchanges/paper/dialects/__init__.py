"""Wire protocols of real venues, spoken over the paper engine. Each is written from its venue's fact sheet alone."""
