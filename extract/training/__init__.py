"""Recipes, training data, the training loop, calibration and checkpoints."""
