"""What to say of users and items that have far more events of a log than all others."""

from __future__ import annotations

from collections.abc import Iterator

from dssmcli.data.findings import WARNING, Finding
from dssmcli.data.log_events import Events
from dssmcli.data.log_figures import Share
from dssmcli.data.placeholders import heavy_ids
from dssmcli.errors import shown

_HEAVY, _HEAVY_SHARE = 50, 0.01


def findings_of_heavy(events: Events, users: Share, noun: str, file: str) -> Iterator[Finding]:
    """Yield users, and items, with far more events than others. Those that look as if they stood
    for none are warned of in a training, too."""
    count = len(events)
    heavy = heavy_ids(events.users, events.user)
    told = {each.id for each in heavy}
    most = users.most_events
    if users.most not in told and most > _HEAVY * users.median and most > _HEAVY_SHARE * count:
        what = (
            f"{noun} are of the user {shown(users.most)} alone "
            f"({most / count:.1%}; the median user has {users.median:g})."
        )
        todo = "A program, or everybody who is not signed in? Then drop the rows."
        yield Finding(WARNING, "heavy_user", most, what, todo, file)
    for role, ids in (("user", heavy), ("item", heavy_ids(events.items, events.item))):
        for each in ids:
            if not each.looks:
                what = (
                    f"{noun} are of the {role} {shown(each.id)} alone ({each.share:.1%}; the "
                    f"next has {each.next:,})."
                )
                todo = "Does it stand for many? Then drop the rows."
                yield Finding(WARNING, f"heavy_{role}", each.rows, what, todo, file)
