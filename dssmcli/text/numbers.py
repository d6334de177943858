"""Numbers things known by a 64-bit hash, many at once, in a few bytes a thing."""

from __future__ import annotations

from array import array

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

_SMALLEST = 1 << 12
# The golden ratio in 64 bits: spreads hashes of which only some bits vary (Knuth, TAOCP 6.4).
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class Numbers:
    """Gives each new hash the next number: 0, 1, 2, ...

    A table with open addressing (Knuth, TAOCP 6.4) whose slots hold numbers, 4 bytes each, beside
    the hashes in the order of their numbers, 8 bytes each; at most half of the slots are taken.
    """

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._slots = np.full(_SMALLEST, -1, np.int32)

    def __len__(self) -> int:
        return len(self._hashes)

    def find(self, hashes: Hashes) -> Ints:
        """Return the numbers (n,) of hashes, -1 for those not met before."""
        slots = self._first_slots(hashes)
        numbers = self._slots[slots].astype(np.int64)
        if not self._hashes:
            return numbers
        known = np.frombuffer(self._hashes, np.uint64)
        # A number of -1 is compared with the last hash, whatever that is: its search is over.
        going = np.flatnonzero((numbers >= 0) & (known[numbers] != hashes))
        while len(going):
            slots[going] = (slots[going] + 1) & (len(self._slots) - 1)
            there = self._slots[slots[going]]
            numbers[going] = there
            going = going[(there >= 0) & (known[there] != hashes[going])]
        return numbers

    def number(self, hashes: Hashes) -> tuple[Ints, Ints]:
        """Return the numbers (n,) of hashes, and where those not met before first stand, in order.

        New ones are numbered in the order in which they stand.
        """
        numbers = self.find(hashes)
        unknown = np.flatnonzero(numbers < 0)
        if not len(unknown):
            return numbers, unknown
        # As np.unique would find them, whose stable sort takes several times as long.
        order = np.argsort(hashes[unknown])
        ordered = hashes[unknown[order]]
        begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        first = np.minimum.reduceat(order, begins)
        met = np.argsort(first)
        fresh = np.empty(len(begins), np.int64)
        fresh[met] = self.add(ordered[begins[met]])
        numbers[unknown[order]] = np.repeat(fresh, np.diff(begins, append=len(order)))
        return numbers, unknown[first[met]]

    def add(self, hashes: Hashes) -> Ints:
        """Number hashes that are new and without repeats; return their numbers (n,)."""
        numbers = len(self) + np.arange(len(hashes))
        self._hashes.frombytes(hashes.tobytes())
        if len(self) * 2 > len(self._slots):
            self._rebuild()
        else:
            self._place(hashes, numbers)
        return numbers

    def shorten(self, count: int) -> None:
        """Forget all but the first `count`."""
        del self._hashes[count:]
        self._rebuild()

    def _rebuild(self) -> None:
        size = _SMALLEST
        while size < len(self) * 3:
            size *= 2
        self._slots = np.full(size, -1, np.int32)
        known = np.frombuffer(self._hashes, np.uint64) if self._hashes else np.zeros(0, np.uint64)
        for start in range(0, len(known), 1 << 20):
            part = known[start : start + (1 << 20)]
            self._place(part, start + np.arange(len(part)))

    def _place(self, hashes: Hashes, numbers: Ints) -> None:
        """Put numbers into the first free slots after their hashes' own."""
        waiting, slots = numbers, self._first_slots(hashes)
        while len(waiting):
            free = np.flatnonzero(self._slots[slots] < 0)
            # Where several want one slot the last to write has it, and the others go on.
            self._slots[slots[free]] = waiting[free]
            lost = self._slots[slots] != waiting
            waiting, slots = waiting[lost], (slots[lost] + 1) & (len(self._slots) - 1)

    def _first_slots(self, hashes: Hashes) -> Ints:
        shift = np.uint64(64 - (len(self._slots).bit_length() - 1))
        return ((hashes * _SPREAD) >> shift).astype(np.int64)
