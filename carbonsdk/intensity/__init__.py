"""Intensity fetchers and locators: each a plugin, found through its entry point like anybody's."""
