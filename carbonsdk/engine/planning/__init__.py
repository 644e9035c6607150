"""From settings and plugins to a plan: every decision of a run before anything is touched."""
