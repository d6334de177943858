"""A run in a form that other programs read."""
