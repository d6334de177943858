"""Trains (torch): the loop, and one recipe a family of models."""
