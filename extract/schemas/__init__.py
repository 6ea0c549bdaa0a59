"""Schemas in and out: formats they are read from, what a corpus says of one, checks, restriction."""
