"""The append-only record of one process of a run: its schema, writer, reader, and the reports built from it."""
