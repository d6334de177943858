"""Makes an index of titles, or a new one of another, with more titles or without some."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import dssmcli
from dssmcli.atomic import replacing_alone
from dssmcli.data.title_columns import (
    none_removed,
    none_replaced,
    spelled_otherwise,
    titles_twice,
)
from dssmcli.data.titles import TitleReader, Titles
from dssmcli.errors import DataError
from dssmcli.run import FINGERPRINT, MANIFEST, WEIGHTS, Run, find_run, packed_run, using_run
from dssmcli.serving.contents import build_encoder
from dssmcli.serving.encoder import Encoder
from dssmcli.serving.gathered import Floats, Gathered, gathering, ids_of, lines_of, slices_of
from dssmcli.serving.index_file import IndexFile
from dssmcli.serving.index_format import (
    DTYPES,
    Part,
    Settings,
    array_part,
    plain_bytes,
    run_parts,
    write_index,
)
from dssmcli.serving.index_lists import Laid, Plan, laid_out
from dssmcli.text.limits import cut_note

Told = Callable[[int], None]
"""Gets the number of titles that have been encoded since it was called before."""


class Packed(NamedTuple):
    """A run as an index carries it: its files by name, and what encodes with it."""

    files: dict[str, bytes]
    encoder: Encoder


def pack(model: str | None, **parallel: int) -> Packed:
    """Read a run of texts whole; RunError when it is none."""
    return using_run(find_run(model), lambda run: _packed(run, parallel))


def _packed(run: Run, parallel: dict[str, int]) -> Packed:
    needed = [name for name in run.files if name != FINGERPRINT]  # nobody judges by an index
    files = {name: run.read(name) for name in needed} | {MANIFEST: run.manifest.encode()}
    inside = packed_run(files[MANIFEST], run.path, files.__getitem__)
    return Packed(files, build_encoder(inside, files[WEIGHTS], **parallel))


class Change(NamedTuple):
    """What an index is to be made of, beside another: titles that `reader` reads from `sources`;
    with ids that are there already if `replaces`; without those whose ids are in `removed`."""

    sources: tuple[str, ...]
    columns: str | None
    reader: Callable[[str | None, int, set[str]], TitleReader]
    replaces: bool
    removed: set[str]


class Made(NamedTuple):
    """An index that was written; how many titles of the one before went, and how many were to go
    that were not there; what is to be said of titles that were cut; what may be wrong."""

    settings: Settings
    removed: int
    replaced: int
    missing: int = 0
    cut: str = ""
    warnings: tuple[str, ...] = ()


def make(
    output: Path,
    packed: Packed,
    titles: TitleReader,
    sources: tuple[str, ...],
    plan: Plan,
    told: Told,
) -> Made:
    """Write an index of the titles in some files, in the place of what is there."""
    with (
        replacing_alone(output) as stream,
        gathering(output, packed.encoder.side_dim) as gathered,
    ):
        cut = _gather(titles.read(sources), packed.encoder, gathered, told)
        return Made(_write(stream, packed, gathered, titles, plan, None), 0, 0, cut=cut)


def grow(
    output: Path,
    change: Change,
    plan: Callable[[Settings], Plan],
    told: Told,
    **parallel: int,
) -> Made:
    """Write an index anew with a change. plan: returns how, given what it says of itself."""
    with replacing_alone(output) as stream:
        before = IndexFile(output)
        there = ids_of(before)
        removed = change.removed & there
        _check_change(change, before, all_removed=removed == there)
        packed = _packed(before.run(), parallel)
        with gathering(output, packed.encoder.side_dim) as gathered:
            reader = _reader(change, before.settings, there - removed)
            repeats = _Repeats(before)
            titles = repeats.counted(reader.read(change.sources))
            cut = _gather(titles, packed.encoder, gathered, told)
            _check_ids(reader, before)
            replaced = reader.seen & there if change.replaces else set()
            gathered.take_over(before, removed | replaced)
            settings = _write(stream, packed, gathered, reader, plan(before.settings), before)
            missing = len(change.removed) - len(removed)
            doubts = [repeats.said()]
            if change.removed and not removed:
                doubts.append(none_removed(change.removed, there))
            if change.replaces and not replaced:
                doubts.append(none_replaced(reader.seen, there))
            if before.settings.own_ids:
                doubts.append(spelled_otherwise(reader.seen - there, there))
            counts = (len(removed), len(replaced - removed), missing)
            return Made(settings, *counts, cut, tuple(filter(None, doubts)))


class _Repeats:
    """Counts titles that an index has already, where they are known by their lines."""

    def __init__(self, before: IndexFile) -> None:
        known = [] if before.settings.own_ids else lines_of(before)
        self._known = {line.partition("\t")[2] for line in known}
        self._titles = self._twice = 0

    def counted(self, titles: Iterable[Titles]) -> Iterator[Titles]:
        """Yield titles, and count them."""
        for block in titles:
            self._titles += len(block.texts)
            self._twice += sum(text in self._known for text in block.texts)
            yield block

    def said(self) -> str:
        """Return what there is to say."""
        return titles_twice(self._twice, self._titles)


def _check_change(change: Change, before: IndexFile, all_removed: bool) -> None:
    """Raise DataError where an index cannot be changed so, before its run is loaded."""
    if change.replaces and not before.settings.own_ids:
        raise DataError(
            f"{before.path}: its titles are known by their lines, so none can be replaced. "
            "Give --append."
        )
    if all_removed and not change.sources:
        raise DataError(f"{before.path}: no title would be left, so nothing was changed.")


def _reader(change: Change, before: Settings, there: set[str]) -> TitleReader:
    columns = change.columns or ("id,title" if before.own_ids else "title")
    seen = there if before.own_ids and not change.replaces else set()
    reader = change.reader(columns, before.lines + 1, seen)
    reader.checks = change.columns is None
    return reader


def _check_ids(reader: TitleReader, before: IndexFile) -> None:
    """Raise DataError unless new titles have ids where those before have, and only there."""
    own = before.settings.own_ids
    if reader.own_ids != own:
        raise DataError(
            f"{before.path}: its titles have {'ids of their own' if own else 'numbers of lines'}, "
            f"the new ones have {'none' if own else 'ids'}."
        )


def _gather(titles: Iterable[Titles], encoder: Encoder, gathered: Gathered, told: Told) -> str:
    """Encode titles, and add them to what is gathered; return what to say of those cut."""
    drawn: deque[Titles] = deque()

    def texts() -> Iterator[list[str]]:
        for block in titles:
            for rows in slices_of(len(block.texts)):
                drawn.append(Titles(block.ids[rows], block.texts[rows]))
                yield block.texts[rows]

    for _, rows in encoder.encode_blocks(texts(), "title"):
        gathered.add(drawn.popleft(), rows)
        told(len(rows))
    return cut_note(encoder.cuts, encoder.lookup.max_units)


def _write(
    stream: BinaryIO,
    packed: Packed,
    gathered: Gathered,
    reader: TitleReader,
    plan: Plan,
    before: IndexFile | None,
) -> Settings:
    """Write an index of all that was gathered, and return what it says of itself."""
    if not len(gathered):
        raise DataError("No titles with letters, digits or symbols: nothing to index.")
    vectors = gathered.vectors()
    laid = laid_out(vectors, packed.encoder, gathered.text, plan, before)
    settings = Settings(
        titles=len(gathered),
        dim=vectors.shape[1],
        dtype=plan.dtype,
        own_ids=reader.own_ids,
        lines=reader.lines,
        left_out=gathered.left_out,
        probes=None if laid.lists is None else laid.lists.probes,
        wanted=plan.recall,
        recall=None if laid.recall is None else round(laid.recall, 4),
        built_for=laid.built_for,
        version=dssmcli.__version__,
    )
    write_index(stream, settings.to_json(), _parts(packed, gathered, vectors, laid, plan.dtype))
    return settings


def _parts(
    packed: Packed, gathered: Gathered, vectors: Floats, laid: Laid, dtype: str
) -> dict[str, Part]:
    kind, stored = DTYPES[dtype]
    pieces = (
        plain_bytes(vectors[laid.order[rows]].astype(stored)) for rows in slices_of(len(vectors))
    )
    parts = {"ends": array_part(gathered.ends(laid.order), "I64")}
    if laid.lists is not None:
        parts["starts"] = array_part(laid.lists.starts, "I64")
        parts["centres"] = array_part(laid.lists.centres, "F32")
    parts["vectors"] = Part(kind, vectors.shape, pieces)
    parts["titles"] = gathered.lines(laid.order)
    return parts | run_parts(packed.files)
