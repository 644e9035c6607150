"""A real training to measure: a small character language model of the standard library's own source text, in numpy alone."""
