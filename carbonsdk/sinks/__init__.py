"""Built-in sinks. Each is a plugin, found through its entry point as third parties' are."""
