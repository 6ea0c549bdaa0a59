"""The knowledge graph: facts of documents resolved, combined, stored, exported, shown and checked."""
