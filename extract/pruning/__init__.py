"""Smaller models: which layers of an encoder matter, and a model without the others."""
