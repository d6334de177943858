"""Writes the pages that are made from the code: docs/commands.md, docs/api.md and docs/dssm.1."""

from __future__ import annotations

from pathlib import Path

import api_page
import commands_page
import man_page

DOCS = Path(__file__).parent
PAGES = {
    "commands.md": commands_page.page,
    "api.md": api_page.page,
    "dssm.1": man_page.page,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), "utf-8")
