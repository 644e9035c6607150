"""What is measured: backends opened in threads of their own, their devices chosen, adopted and read."""
