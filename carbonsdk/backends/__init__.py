"""Built-in hardware backends. Each is a plugin, found through its entry point as third parties' are."""
