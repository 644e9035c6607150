"""The forecast of a run: of one under way, and of one that lies in its records."""
