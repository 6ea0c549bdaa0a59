"""Large inputs: shards of documents, done by many processes or machines, that survive being killed.

    Source ──cut──► Shard ──engine──► ShardResult ──commit──► part-000000.jsonl, manifest.json

The input is cut into shards by position alone. An engine gives each shard to a process with a model of its
own, which writes it to a temporary file; only the run itself, which holds the folder's lock, renames it to
its final name. So work may be done more than once, but each shard is there once, and is the same whoever
did it.
"""
