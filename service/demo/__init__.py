"""A twin of a 4.7 ha zero-carbon park in Shanghai."""
