"""From scored candidates to a consistent set of entities and triples. No tensors in here."""
