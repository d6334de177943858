"""Finds out which column of a log plays which role, where the user does not say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from dssmcli.data.table import lacks
from dssmcli.data.times import NUMBERS
from dssmcli.errors import ConfigError, DataError, in_shell, shown

_USUAL = {
    "user": ("user", "user_id"),
    "item": ("item", "item_id"),
    "timestamp": ("timestamp", "time"),
    "clicked": ("clicked", "click", "is_click"),
    "watch_time": ("watch_time", "seconds"),
}
"""What columns are called first of all."""
_OTHERS = {
    "user": (
        *("user", "userid", "uid", "usr", "userno", "username", "member", "memberid", "customer"),
        *("customerid", "custid", "clientid", "visitor", "visitorid", "viewer", "viewerid"),
        *("account", "accountid", "buyer", "buyerid", "reader", "readerid", "deviceid"),
        *("sessionid", "用户", "用户id", "用户编号", "会员", "会员id", "客户", "客户id", "买家id"),
    ),
    "item": (
        *("item", "itemid", "iid", "video", "videoid", "vid", "sku", "skuid", "product"),
        *("productid", "prodid", "goods", "goodsid", "movie", "movieid", "article", "articleid"),
        *("news", "newsid", "song", "songid", "track", "trackid", "book", "bookid", "isbn", "asin"),
        *("parentasin", "game", "gameid", "content", "contentid", "doc", "docid", "photo"),
        *("photoid", "note", "noteid", "post", "postid", "poi", "businessid", "商品", "商品id"),
        *("商品编号", "物品", "物品id", "视频", "视频id", "文章id", "电影id", "内容id"),
    ),
    "timestamp": (
        *("timestamp", "time", "ts", "datetime", "eventtime", "eventtimestamp", "createdat"),
        *("createtime", "createdtime", "timestampms", "timems", "unixtime", "unixtimestamp"),
        *("viewedat", "watchedat", "clickedat", "occurredat", "logtime", "actiontime", "clicktime"),
        *("servertime", "unixreviewtime", "date", "day", "dt", "dateadded", "时间"),
        *("时间戳", "日期", "日期时间", "发生时间", "点击时间", "观看时间", "创建时间", "下单时间"),
    ),
    "clicked": (
        *("clicked", "click", "isclick", "isclicked", "clk", "clickedflag", "clickflag"),
        *("点击", "是否点击", "点击与否"),
    ),
    "watch_time": (
        *("watchtime", "seconds", "watchseconds", "watchedseconds", "playtime", "playseconds"),
        *("playduration", "playingtime", "watchduration", "viewtime", "viewduration", "dwelltime"),
        *("dwell", "staytime", "readtime", "listentime", "观看时长", "播放时长"),
        *("停留时长", "阅读时长", "duration", "时长"),
    ),
}
"""What else they may be called, without case, spaces and signs, and watch times without a unit."""
_SIGNS = re.compile(r"[\s_\-.]+")
_UNIT = re.compile(
    r"[\s_\-.]*[(（\[]?(?:(ms|msec|millis|milliseconds|毫秒)|(s|sec|secs|seconds|秒)"
    r"|(min|mins|minutes|分钟))[)）\]]?",
    re.IGNORECASE,
)
_UNIT_AT_END = re.compile(
    r"[(（\[]?(ms|msec|millis|milliseconds|s|sec|secs|seconds|min|mins|minutes|毫秒|秒|分钟)[)）\]]?$"
)
_NAMES_OF_UNITS = ("ms", "s", "min")


def unit_in(name: str) -> str | None:
    """Return the unit of time (s, ms, min) that the name of a column ends with, None without."""
    found = next((each for each in map(_UNIT.fullmatch, _endings(name)) if each is not None), None)
    if found is None:
        return None
    return next(unit for unit, said in zip(_NAMES_OF_UNITS, found.groups(), strict=True) if said)


def _endings(name: str) -> Iterable[str]:
    """Yield what stands behind a sign, or in brackets, at the end of a name, the longest first."""
    for place, char in enumerate(name):
        if place and (char in " _-.([（" or not char.isascii()):
            yield name[place:]
    hump = re.search(r"(?<=[a-z])(Ms|Sec|Secs|Seconds|Min|Minutes|Millis)$", name)
    if hump:
        yield hump.group()


def _plain(name: str) -> str:
    """Return a name without case, spaces and signs."""
    return _SIGNS.sub("", name.strip()).lower()


def _without_unit(name: str) -> str:
    """Return a plain name of a watch time without the unit that it ends with, if it does."""
    plain = _plain(name)
    return (_UNIT_AT_END.sub("", plain) or plain) if unit_in(name) else plain


def _ways(name: str) -> Iterable[str]:
    """Yield the ways in which a plain name is written in small letters: userid, user_id, …"""
    yield name
    for end in ("id", "no", "name", "编号"):
        if name.endswith(end) and name != end:
            yield from (name.removesuffix(end) + sign + end for sign in "_ -.")


_SAYS_USER, _SAYS_ITEM = (
    frozenset(way for name in _OTHERS[role] for way in _ways(name)) for role in ("user", "item")
)


def names_in_rows(users: Sequence[str], items: Sequence[str]) -> tuple[list[int], list[int]]:
    """Return the places of rows that name the columns of users (n,) and items (n,), as a header
    does, and of those that name them the other way round."""
    words = {*map(str.lower, {*users})}
    if words.isdisjoint(_SAYS_USER | _SAYS_ITEM):
        return [], []
    pairs = [
        (user.strip().lower(), item.strip().lower())
        for user, item in zip(users, items, strict=True)
    ]
    same = [i for i, (one, two) in enumerate(pairs) if one in _SAYS_USER and two in _SAYS_ITEM]
    other = [i for i, (one, two) in enumerate(pairs) if one in _SAYS_ITEM and two in _SAYS_USER]
    return same, other


def says_watched(name: str) -> bool:
    """Tell whether a column is called as those that say whether, or how long, one watched."""
    names = (*_OTHERS["clicked"], *_OTHERS["watch_time"], *_LABELS)
    return _plain(name) in names or _without_unit(name) in _OTHERS["watch_time"]


_LABELS = ("label", "watched", "iswatched", "viewed", "isviewed", "played", "isplayed", "read")


def with_usual_names(
    given: Mapping[str, Any],
    needed: Iterable[str],
    names: Sequence[str],
    where: str,
    moments: Mapping[str, str] | None = MappingProxyType({}),
) -> dict[str, Any]:
    """Return what is given by role, with usual names in the place of None where they are there.

    moments: the columns whose values may be moments, with their `times.moment_kind`; None where
    only names count that runs before format 5 knew. Raises DataError when a column that is needed
    has none.
    """
    found = dict(given)
    for role in _USUAL:
        if role in found and found[role] is None:
            found[role] = _usual(role, found, names, moments)
    for role in needed:
        if found[role] is None:
            flag = role.replace("_", "-")
            likely = likely_moments(moments or {}, found.values())
            hint = ""
            if role == "timestamp" and likely:
                hint = f" {shown(likely[0])} looks like moments: --timestamp {in_shell(likely[0])}."
            said = hint or f" Name it: --{flag} COLUMN."
            raise DataError(f"{where}: {lacks([role], [role], names)}{said}")
    return found


def _usual(
    role: str, given: Mapping[str, Any], names: Sequence[str], moments: Mapping[str, str] | None
) -> str | None:
    """Return the column that has a usual name of a role, None if none has."""
    for name in _USUAL[role]:
        if name in names:
            return name
    if moments is None:
        return None
    taken = [name for name in given.values() if isinstance(name, str)]
    free = [name for name in reversed(names) if name not in taken]
    plain = {_plain(name): name for name in free}
    if role == "watch_time":
        plain = {**{_without_unit(name): name for name in free}, **plain}
    found = (plain[usual] for usual in _OTHERS[role] if usual in plain)
    if role != "timestamp":
        return next(found, None)
    return next((name for name in found if _may_be(_plain(name), moments.get(name))), None)


def _may_be(usual: str, kind: str | None) -> bool:
    """Tell whether a column of a usual name holds moments; small numbers may be days of a week."""
    return kind is not None and (kind != NUMBERS or usual not in _DAYS)


_DAYS = ("date", "day", "dt", "日期")


def likely_moments(moments: Mapping[str, str], taken: Iterable[Any]) -> list[str]:
    """Return the columns without a role whose values look like moments, whatever their names."""
    roles = {name for each in taken for name in (each if isinstance(each, tuple) else (each,))}
    return [name for name, kind in moments.items() if kind != NUMBERS and name not in roles]


def other_moments(taken: str, likely: Sequence[str]) -> str:
    """Say which column the moments are taken from, though others may hold them, too."""
    names = ", ".join(map(shown, likely))
    looks = "looks" if len(likely) == 1 else "look"
    return (
        f"Moments are taken from {taken}; {names} {looks} like moments, too: --timestamp "
        f"{in_shell(likely[0])} to go by {'it' if len(likely) == 1 else 'that'}."
    )


def check_there(wanted: Sequence[str], names: Sequence[str], where: str) -> None:
    """Raise DataError for columns that are not there, ConfigError for one that has two roles."""
    twice = [name for place, name in enumerate(wanted) if name in wanted[:place]]
    if twice:
        raise ConfigError(f"the column {shown(twice[0])} is named for two roles, expected one.")
    missing = [name for name in wanted if name not in names]
    if missing:
        raise DataError(f"{where}: {lacks(missing, wanted, names)}")
