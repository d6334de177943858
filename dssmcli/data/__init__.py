"""Reads rows and lines them up for learning and measuring."""
