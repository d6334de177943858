"""Runs the command line: `python -m dssmcli`."""

from dssmcli.cli import main

main()
