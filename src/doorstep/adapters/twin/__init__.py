"""What the sandbox twins share: a small HTTP server that can misbehave on purpose, SQLite state, seeded faults.

A twin is a separate process on a real socket. It forgets nothing it answered, also after a kill -9.
"""
