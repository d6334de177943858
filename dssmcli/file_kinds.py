"""Names a file that is not plain text by the bytes it begins with, and says how it becomes text.

Magic numbers: each format's own specification, and the list of the program `file`.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import NamedTuple

HEAD_BYTES = 1 << 17
"""So many bytes decide at most; most kinds need a few hundred."""

UNPACK = "unpack"
ARROW = "arrow"
ARCHIVE = "archive"


class FileKind(NamedTuple):
    """A kind of file. name: as a message says it (`a zip archive`). way: how it becomes text: with
    `program` as UNPACK, ARROW or ARCHIVE say, else as `program` itself, a sentence, says."""

    name: str
    way: str = ""
    program: str = ""

    def refusal(self, source: str) -> str:
        """Return the message for a source of this kind; `<stdin>` is standard input."""
        advice = self._advice(source)
        return f"{source}: is {self.name}, expected text (UTF-8).{' ' if advice else ''}{advice}"

    def _advice(self, source: str) -> str:
        piped = source == "<stdin>"
        file = "FILE" if piped else shlex.quote(source)
        if self.way == UNPACK:
            if piped:
                return f"Unpack it on the way: … | {self.program} | dssm …."
            return f"Unpack it: {self.program} {file} > {shlex.quote(unpacked_name(source))}"
        if self.way == ARROW:
            return f"{_AS_TEXT}: {_ARROW_LINE.format(self.program.format(repr(file)))} > {file}.tsv"
        if self.way == ARCHIVE:
            return f"Unpack it, then name a file of it: {self.program.format(file)}"
        return self.program


_AS_TEXT = "Write it as text (with pyarrow)"
_ARROW_LINE = (
    'python -c "import pyarrow.parquet, pyarrow.feather, pyarrow.orc; t = {}; '
    "print(*t.column_names, sep='\\t'); [print(*r.values(), sep='\\t') for r in t.to_pylist()]\""
)
_SHEET = "Save it as text (CSV or tab-separated, UTF-8) in the program that made it."
_TABLE = "Export the table as text (CSV or tab-separated) first."
_PARQUET = "pyarrow.parquet.read_table({})"
_FEATHER = "pyarrow.feather.read_table({})"
_STREAM = "pyarrow.ipc.open_stream({}).read_all()"
_ORC = "pyarrow.orc.read_table({})"

TAR = FileKind("a tar archive", ARCHIVE, "tar -xf {}")
PACKED_TAR = FileKind("a tar archive, gzipped", ARCHIVE, "tar -xzf {}")
TWICE_GZIPPED = FileKind("gzip inside gzip", UNPACK, "gzip -dc")
ZIP = FileKind("a zip archive", ARCHIVE, "python -m zipfile -e {} .")

_BINARY_MAGIC: tuple[tuple[bytes, FileKind], ...] = (
    (b"SQLite format 3\0", FileKind("an SQLite database", "", _TABLE)),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind("an old Office file (.xls, .doc)", "", _SHEET)),
    (b"\xfd7zXZ\0", FileKind("packed with xz", UNPACK, "xz -dc")),
    (b"\x28\xb5\x2f\xfd", FileKind("packed with zstd", UNPACK, "zstd -dc")),
    (b"\x04\x22\x4d\x18", FileKind("packed with lz4", UNPACK, "lz4 -dc")),
    (b"\x1f\x9d", FileKind("packed with compress", UNPACK, "gzip -dc")),
    (b"7z\xbc\xaf\x27\x1c", FileKind("a 7z archive", ARCHIVE, "7z x {}")),
    (b"Rar!\x1a\x07", FileKind("a rar archive", ARCHIVE, "unrar x {}")),
    (b"%PDF-1.", FileKind("a PDF document")),
    (b"%PDF-2.", FileKind("a PDF document")),
    (b"\x89PNG\r\n\x1a\n", FileKind("a PNG picture")),
    (b"\xff\xd8\xff", FileKind("a JPEG picture")),
    (b"\x93NUMPY", FileKind("a NumPy array (.npy)")),
    (b"\x89HDF\r\n\x1a\n", FileKind("an HDF5 file", "", _TABLE)),
    (b"ARROW1\0\0", FileKind("an Arrow (Feather) file", ARROW, _FEATHER)),
    (b"\xff\xff\xff\xff", FileKind("an Arrow stream", ARROW, _STREAM)),
    (b"Obj\x01", FileKind("an Avro file", "", _TABLE)),
    (b"\x7fELF", FileKind("a program")),
)
_LETTERS_MAGIC: tuple[tuple[bytes, FileKind], ...] = (
    (b"PAR1", FileKind("a Parquet file", ARROW, _PARQUET)),
    (b"PARE", FileKind("an encrypted Parquet file", "", _TABLE)),
    (b"ORC", FileKind("an ORC file", ARROW, _ORC)),
    (b"FEA1", FileKind("a Feather file", ARROW, _FEATHER)),
    (b"BZh", FileKind("packed with bzip2", UNPACK, "bzip2 -dc")),
    (b"LZIP", FileKind("packed with lzip", UNPACK, "lzip -dc")),
    (b"GIF8", FileKind("a GIF picture")),
    (b"MZ", FileKind("a program")),
)
"""Of letters that a text may begin with, too: of these kinds only if control characters follow."""
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_PICKLE = re.compile(rb"\x80[\x02-\x05](\x95|[\]\}\(c\x8c])")
_SAFETENSORS = re.compile(rb"(?s).{4}\0{4}\{\s*\"")
_OFFICE = {
    b"xl/": "an Excel workbook (.xlsx)",
    b"word/": "a Word document (.docx)",
    b"ppt/": "a PowerPoint file (.pptx)",
}


def kind_of(head: bytes) -> FileKind | None:
    """Return what a file is that begins so; None for text, or what cannot be told from it."""
    for magic, kind in _BINARY_MAGIC:
        if head.startswith(magic):
            return kind
    if _CONTROL.search(head[:512]):
        for magic, kind in _LETTERS_MAGIC:
            if head.startswith(magic):
                return kind
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_kind(head)
    if _PICKLE.match(head):
        return FileKind("a Python pickle, which is never read: it could run anything")
    if _SAFETENSORS.match(head):
        return _safetensors_kind(head)
    return TAR if _is_tar(head) else None


def kind_in_gzip(head: bytes) -> FileKind | None:
    """Return what a gzipped file is, whose content begins so; None for text."""
    if head.startswith(b"\x1f\x8b"):
        return TWICE_GZIPPED
    kind = kind_of(head)
    return PACKED_TAR if kind is TAR else kind


def unpacked_name(source: str) -> str:
    """Return a name for what is packed in a file: without the ending that says how."""
    stem, ending = os.path.splitext(source)
    return stem if ending.lower() in _PACKED_ENDINGS else f"{source}.txt"


_PACKED_ENDINGS = (".gz", ".xz", ".zst", ".zstd", ".bz2", ".lz", ".lz4", ".z")


def _zip_kind(head: bytes) -> FileKind:
    names = _zip_names(head)
    for folder, name in _OFFICE.items():
        if any(each.startswith(folder) for each in names):
            return FileKind(name, "", _SHEET)
    if names and all(each.endswith(b".npy") for each in names):
        return FileKind("NumPy arrays (.npz)")
    if b"[Content_Types].xml" in names:
        return FileKind("an Office file", "", _SHEET)
    if b"mimetype" in names and b"opendocument" in head[:200]:
        return FileKind("an OpenDocument file (.ods, .odt)", "", _SHEET)
    if any(each.endswith(b"data.pkl") for each in names):
        return FileKind("a PyTorch file, which is never read: it could run anything")
    return ZIP


def _zip_names(head: bytes) -> list[bytes]:
    """Return the names in the local headers of a zip archive that can be seen."""
    names, at = [], head.find(b"PK\x03\x04")
    while at >= 0:
        length = int.from_bytes(head[at + 26 : at + 28], "little")
        names.append(head[at + 30 : at + 30 + length])
        at = head.find(b"PK\x03\x04", at + 30)
    return names


def _safetensors_kind(head: bytes) -> FileKind:
    if b'"dssm_index"' in head:
        return FileKind("an index of titles", "", "Search it: dssm search -i FILE QUERY")
    return FileKind("the weights of a model (safetensors)", "", "A run is named by its folder.")


def _is_tar(head: bytes) -> bool:
    """Tell whether a file begins with the header of a tar archive: its checksum is right."""
    header = head[:512]
    told = header[148:156].strip(b" \0")
    if len(header) < 512 or not re.fullmatch(rb"[0-7]{1,7}", told):
        return False
    return int(told, 8) == sum(header[:148]) + 8 * 32 + sum(header[156:])
