"""Learns (torch): towers and losses, as the papers have them."""
