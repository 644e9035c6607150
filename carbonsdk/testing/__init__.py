"""The kit for authors of plugins: a fake clock, simulated hardware, a recording sink and checks."""
