"""Distillation: a trained model, the teacher, adds losses to the training of another, the student."""
