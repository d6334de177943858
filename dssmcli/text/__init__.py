"""Turns a text into ids, the same way everywhere."""
