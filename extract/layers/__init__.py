"""What each layer of an encoder knows of a corpus: probes, measures of its states, a fusion to try."""
