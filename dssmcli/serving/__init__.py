"""Answers (numpy): encodes, scores and measures without torch."""
