"""What the columns of pairs, and of titles, are usually called."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from dssmcli.errors import ConfigError, nearest, shown

IGNORED = "-"
_CANONICAL = {
    **dict.fromkeys(("query", "text1", "sentence1"), "query"),
    **dict.fromkeys(("title", "text2", "sentence2"), "title"),
    "value": "value",
    **dict.fromkeys(("clicks", "click"), "clicks"),
    "label": "label",
    **dict.fromkeys(("grade", "score"), "grade"),
    "impressions": "impressions",
    IGNORED: IGNORED,
}
"""Names that are taken as such wherever they stand."""
_USUAL = {
    "query": (
        *("top_queries", "top_search_terms"),
        *("q", "queries", "query_text", "query_string", "user_query", "raw_query", "search"),
        *("search_query", "search_term", "search_terms", "search_text", "search_word"),
        *("search_keyword", "search_phrase", "keyword", "keywords", "text_1", "sentence_1"),
        *("texta", "text_a", "sentencea", "sentence_a", "sent1", "sent_1", "s1", "q1"),
        *("question", "question1", "question_1", "src", "source", "anchor", "premise"),
        *("查询", "查询词", "查询语句", "搜索", "搜索词", "搜索关键词", "关键词", "关键字"),
        *("检索词", "问题", "问句", "问题1", "句子1", "文本1"),
    ),
    "title": (
        *("titles", "title_text", "product_title", "product_name", "item_title", "item_name", "t"),
        *("page_title", "doc_title", "document_title", "ad_title", "video_title", "news_title"),
        *("text_2", "sentence_2", "textb", "text_b", "sentenceb", "sentence_b", "sent2"),
        *("sent_2", "s2", "q2", "question2", "question_2", "tgt", "target", "positive"),
        *("answer", "doc", "document", "passage", "hypothesis"),
        *("标题", "题目", "商品标题", "商品名", "商品名称", "商品", "文档", "文档标题"),
        *("答案", "回答", "句子2", "文本2", "问题2"),
    ),
    "clicks": (
        *("clicked", "click_count", "click_num", "click_cnt", "clicks_count", "num_clicks"),
        *("n_clicks", "total_clicks", "is_click", "is_clicked"),
        *("点击", "点击数", "点击量", "点击次数", "是否点击"),
    ),
    "label": (
        *("labels", "match", "matched", "is_match", "is_relevant", "relevant"),
        *("is_duplicate", "duplicate", "标签", "是否匹配", "是否相关", "是否相似"),
    ),
    "grade": ("grades", "scores", "rating", "分数", "得分", "评分", "打分", "等级"),
    "relevance": (
        *("relevance", "relevance_score", "relevance_grade", "similarity", "similarity_score"),
        *("相关性", "相关度", "相似度"),
    ),
    "impressions": (
        *("impression", "impression_count", "num_impressions", "shows", "shown", "show_count"),
        *("views", "exposures", "exposure", "pv"),
        *("曝光", "曝光数", "曝光量", "曝光次数", "展示", "展示数", "展示量", "展示次数", "展现"),
        *("展现量", "展现次数"),
    ),
    IGNORED: (
        *("id", "ids", "idx", "index", "no", "row", "row_id", "uid", "user_id", "session_id"),
        "unnamed_0",
        *("pid", "qid", "did", "query_id", "title_id", "doc_id", "docid", "product_id"),
        *("item_id", "sku", "asin", "pair_id", "pairid", "date", "datetime", "day", "time"),
        *("timestamp", "ts", "rank", "position", "pos", "split"),
        *("编号", "序号", "日期", "时间", "位置", "排名"),
    ),
}
"""Other names that a header may have; one that is taken as a name is said."""
_STEMS = (
    *("query", "question", "sentence", "sent", "sen", "text", "string", "str", "phrase", "seq"),
    *("utterance", "查询", "查询词", "搜索词", "问题", "句子", "句", "文本", "文", "短语"),
)
_SIDES = (("1", "2"), ("a", "b"), ("left", "right"), ("first", "second"), ("一", "二"))
_NUMBERED = {
    written: role
    for stem in _STEMS
    for side in _SIDES
    for role, mark in zip(("query", "title"), side, strict=True)
    for written in (f"{stem}{mark}", f"{stem}_{mark}", f"{mark}_{stem}")
}
"""Two texts of one kind: sentence1 and sentence2, text_a and text_b, left_text and right_text."""
_ROLES = _NUMBERED | {name: role for role, names in _USUAL.items() for name in names} | _CANONICAL
_ID_NAMES = frozenset(
    (
        *("id", "ids", "idx", "index", "no", "row", "row_id", "pid", "did", "doc_id", "docid"),
        *("title_id", "product_id", "item_id", "sku", "asin", "code", "key", "nr", "number"),
        *("编号", "序号", "商品id", "商品_id", "商品编号", "商品编码"),
    )
)
_TITLE_NAMES = frozenset(
    (
        *(name for name, role in _ROLES.items() if role == "title"),
        *("name", "text", "texts", "sentence", "content", "description", "product", "item"),
        *("文本", "句子", "内容", "名称", "描述"),
    )
)
_LONGEST = 40
"""Characters of a name at most."""


def plain_name(name: str) -> str:
    """Return a column's name as it is compared: `Search Term`, `searchTerm` are search_term."""
    text = unicodedata.normalize("NFKC", name).strip().lstrip("#").strip().strip("\"'").strip()
    if text == IGNORED or len(text) > _LONGEST:
        return text
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower()
    return re.sub(r"[\s\-./:]+", "_", text).strip("_")


def role_of(name: str) -> str | None:
    """Return what a column of pairs of that name holds, None where it does not tell."""
    return _ROLES.get(plain_name(name))


def names_of_texts() -> list[str]:
    """Return all known names of the columns of queries and titles."""
    return [name for name, role in _ROLES.items() if role in ("query", "title")]


def is_canonical(name: str) -> bool:
    """Tell whether nothing but a column has that name."""
    return name.strip().lower() in _CANONICAL


def named_role(name: str) -> str:
    """Return what a column that a user names holds; ConfigError when it is no such name."""
    role = role_of(name)
    if role is None:
        known = [each for each in _CANONICAL if each != IGNORED]
        near = nearest(plain_name(name), [each for each in _ROLES if each.isascii()])
        hint = f" Did you mean {near}?" if near else ""
        raise ConfigError(
            f"a column is {shown(name)}, expected one of {', '.join(known)}, or - for one to leave "
            f"out.{hint}"
        )
    return role


def is_id_name(name: str) -> bool:
    """Tell whether a column of that name holds ids of titles."""
    return plain_name(name) in _ID_NAMES


def is_title_name(name: str) -> bool:
    """Tell whether a column of that name holds titles."""
    return plain_name(name) in _TITLE_NAMES


def names_of_titles() -> frozenset[str]:
    """Return all known names of the columns of titles and of their ids."""
    return _ID_NAMES | _TITLE_NAMES


_OPPOSITE = re.compile(
    r"(?:is_)?(?:no|not|non|un|dis|mis|ir)_?"
    r"(?:match|matche[sd]|matching|relevant|related|similar|duplicate|same|equal|likes?|liked)|"
    r"(?:is_)?(?:different|negative|neg|irrelevant|dissimilar)|不匹配|不相关|不相似|不同|负例|是否不同"
)
_FARTHER = re.compile(r"(?:\w+_)?(?:distance|dist|dissimilarity)|距离")


def turned_round(name: str) -> str | None:
    """Return what a column of that name holds once its values are turned round, None if they need
    not be: label for `not_match`, grade for `distance`."""
    plain = plain_name(name)
    if _OPPOSITE.fullmatch(plain):
        return "label"
    return "grade" if _FARTHER.fullmatch(plain) else None


_IDENTIFIER = re.compile(r"[a-z]\w*(?:_\w+)+|[a-z]+(?:[A-Z][a-z0-9]+)+", re.ASCII)


def is_identifier(text: str) -> bool:
    """Tell whether a text is written as programs write names: search_term, searchTerm."""
    return len(text) <= _LONGEST and _IDENTIFIER.fullmatch(text.strip()) is not None


def are_sides(first: str, second: str) -> bool:
    """Tell whether two names set two texts apart as the sides of pairs: name1 and name2."""
    one, two = plain_name(first), plain_name(second)
    if (one, two) in _BOTH_SIDES:
        return True
    for mark, other in _SIDES:
        stem = one.removesuffix(mark)
        if stem not in ("", one) and two == stem + other and (mark == "1" or stem[-1] == "_"):
            return True
        rest = one.removeprefix(mark)
        if rest not in ("", one) and two == other + rest and rest[0] == "_":
            return True
    return False


_BOTH_SIDES = frozenset(
    (
        *(side for side in _SIDES if side[0] not in ("1", "a")),
        *(("input", "output"), ("source", "target"), ("src", "dst"), ("src", "trg"), ("x", "y")),
        *(("head", "tail"), ("lhs", "rhs"), ("prompt", "response"), ("request", "reply")),
        *(("original", "paraphrase"), ("original", "rewrite"), ("text", "paraphrase"), ("a", "b")),
        *(("ltext", "rtext"), ("左", "右"), ("原句", "改写"), ("原文", "译文"), ("甲", "乙")),
    )
)


def is_header_word(name: str) -> bool:
    """Tell whether a line that is this name alone is rather a header than a text."""
    plain = plain_name(name)
    return plain in _HEADER_WORDS or ("_" in plain and plain in _TITLE_NAMES)


_HEADER_WORDS = frozenset(
    (
        *("title", "titles", "query", "queries", "text", "texts", "sentence", "sentences"),
        *("id", "ids", "标题", "商品标题", "查询", "查询词", "搜索词", "文本", "句子"),
    )
)


def titles_named(names: Sequence[str]) -> tuple[str, ...] | None:
    """Return id, title or - for each name of a header of titles, None if it is none."""
    if len(names) > 1 and not names[0].strip():
        rest = titles_named(names[1:])  # behind row numbers, as pandas writes them
        return rest and ("-" if "id" in rest else "id", *rest)
    if len(names) == 1:
        return ("title",) if is_header_word(names[0]) else None
    ids = [i for i, name in enumerate(names) if is_id_name(name)]
    titles = [i for i, name in enumerate(names) if is_title_name(name) and i not in ids[:1]]
    sure = [i for i in titles if is_header_word(names[i])]
    if ids and (titles or len(names) == 2):
        roles = {ids[0]: "id", (sure or titles or [1 - ids[0]])[0]: "title"}
    elif sure and all(map(_is_name, names)):
        roles = {sure[0]: "title"}
        if len(names) == 2 and sure[0] == 1 and role_of(names[0]) != "query":
            roles[0] = "id"
    else:
        return None
    return tuple(roles.get(i, IGNORED) for i in range(len(names)))


def _is_name(text: str) -> bool:
    bare = text.strip()
    return 0 < len(bare) <= _LONGEST and not any(c.isdecimal() for c in bare)
