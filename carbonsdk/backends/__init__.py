"""Hardware backends: each a plugin, found through its entry point like anybody's."""
