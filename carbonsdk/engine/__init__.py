"""The engine: it asks backends, keeps the ledger, feeds intensity, and delivers events."""
