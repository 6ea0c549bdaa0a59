"""The commands of `tripack graph`, and what they share. Nothing heavy is imported before one runs."""
