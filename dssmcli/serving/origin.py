"""The run that what answers was loaded from, for what is read of it only when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dssmcli.data.fingerprint import Fingerprint
    from dssmcli.run import Run


class OfRun:
    """What was loaded from a run, or else made in some other way."""

    #: None where it was not loaded from a run, or copied by another process.
    origin: Run | None = None

    def fingerprint(self) -> Fingerprint | None:
        """Return what the run says of the rows that it met in training; None where it says nothing.

        Raises RunError when that is damaged.
        """
        if self.origin is None:
            return None
        from dssmcli.serving.learned import read_fingerprint

        return read_fingerprint(self.origin)


def said_of(run: Run | None) -> str:
    """Return what the text of an object says of the run it was loaded from; nothing without one."""
    return "" if run is None else f", run={str(run.path)!r}"
