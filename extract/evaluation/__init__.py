"""Scores, breakdowns, calibration and error analysis of predicted sentences against gold ones."""
