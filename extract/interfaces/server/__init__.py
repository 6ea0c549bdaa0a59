"""Extraction over HTTP: `tripack serve` (docs/server.md). Needs the extra `server`."""
