"""Writes what the tutorial starts from: the search log of a small shop, and its catalogue.

    python3 make_log.py [FOLDER]

log.tsv has a search a line: time, user, query, the titles that were shown, the place of the one
that was clicked (0: none). People write Chinese, English or both, and seldom the title's words.
A title is examined the less the lower it stands, and clicked the more the better it answers.
"""

from __future__ import annotations

import random
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

SEARCHES = 2000
SHOWN = 5
DAYS = 28

COLOURS = {"黑色": ["黑色", "black"], "White": ["white", "白色"], "Navy": ["navy", "深蓝"]}
PHONES = {"iPhone 15": ["iphone15", "苹果15"], "Mate 60": ["华为 mate60", "mate 60"]}
PHONES |= {"Redmi": ["红米", "redmi"]}
BEDS = {"1.5米": ["1.5m", "小号"], "1.8米": ["1.8m", "大号"], "Kids": ["儿童", "kids"]}
SHOES = {"女款": ["女", "women"], "Men's": ["男", "mens"], "童款": ["小孩", "kids"]}

# What it is: how people ask for it, how shops name it, and in which kinds it comes.
THINGS = [
    (["手机壳", "保护套", "phone case"], ["防摔外壳 Slim Cover", "硅胶软壳"], PHONES),
    (["钢化膜", "贴膜", "screen protector"], ["Tempered Glass 9H", "屏幕防刮片"], PHONES),
    (["充电器", "快充头", "charger"], ["67W Power Adapter", "GaN 氮化镓插头"], PHONES),
    (["充电宝", "power bank", "移动电源"], ["便携电池 20000mAh", "Portable Battery Pack"], COLOURS),
    (["耳机", "earbuds", "headphones"], ["True Wireless 降噪耳塞", "Bluetooth Headset"], COLOURS),
    (["音箱", "speaker", "小音响"], ["Bluetooth Soundbar", "桌面低音炮"], COLOURS),
    (["键盘", "keyboard"], ["机械轴 87 键 Keypad", "Mechanical Typing Set"], COLOURS),
    (["鼠标", "mouse"], ["Wireless Pointer 静音", "人体工学滑鼠"], COLOURS),
    (["被套", "床单", "bed sheets"], ["纯棉四件套", "Cotton Bedding Set"], BEDS),
    (["被子", "duvet", "comforter"], ["羽绒冬被", "Goose Down Quilt"], BEDS),
    (["床垫", "mattress"], ["Memory Foam 软垫", "乳胶席 Latex"], BEDS),
    (["沙发", "couch", "sofa"], ["布艺三人位 Settee", "Loveseat 双人座"], COLOURS),
    (["台灯", "desk lamp", "看书的灯"], ["LED 护眼灯具", "Reading Light"], COLOURS),
    (["窗帘", "curtain"], ["Blackout Drapes", "遮光布帘"], COLOURS),
    (["地毯", "rug", "垫子"], ["Shag Carpet 毛绒", "客厅脚垫"], COLOURS),
    (["书包", "backpack", "双肩包"], ["Laptop Rucksack", "电脑背囊"], COLOURS),
    (["拉杆箱", "suitcase", "行李箱"], ["20寸 Luggage 登机", "Spinner Trolley"], COLOURS),
    (["雨伞", "umbrella"], ["Windproof Parasol", "晴雨两用折叠款"], COLOURS),
    (["跑鞋", "running shoes", "球鞋"], ["Marathon Trainers", "缓震慢跑款"], SHOES),
    (["拖鞋", "slippers"], ["EVA 居家凉拖", "House Flip-Flops"], SHOES),
    (["雨靴", "rain boots"], ["Wellies 防水", "橡胶水鞋"], SHOES),
    (["外套", "jacket", "coat"], ["Windbreaker 冲锋衣", "连帽风衣 Parka"], SHOES),
    (["袜子", "socks"], ["Cotton Crew 5双装", "中筒棉袜"], SHOES),
    (["毛衣", "sweater"], ["Knit Pullover", "羊毛针织衫"], SHOES),
]
WORDS = ["便宜", "cheap", "好用的", "best", "送礼", "2026", "推荐", "new"]
BRANDS = ["Norra", "山木", "Kito", "云朵", "Aster", "北岸"]


class Title(NamedTuple):
    """A title of the catalogue, what it is and of which kind."""

    text: str
    thing: int
    kind: str


def catalogue(draw: random.Random) -> list[Title]:
    """Return all titles: of each thing, each kind under two names and brands of their own."""
    return [
        Title(f"{draw.choice(BRANDS)} {kind} {name}", thing, kind)
        for thing, (_, names, kinds) in enumerate(THINGS)
        for kind in kinds
        for name in names
    ]


def answers(title: Title, thing: int, kind: str | None) -> float:
    """Return how likely a title is clicked by one who reads it."""
    if title.thing != thing:
        return 0.03
    return 0.6 if kind in (None, title.kind) else 0.15


def search(titles: list[Title], draw: random.Random) -> tuple[str, list[str], int]:
    """Return a query, the titles shown for it and the place of the one clicked, 0 for none."""
    thing = draw.randrange(len(THINGS))
    asked, _, kinds = THINGS[thing]
    kind = draw.choice([None, *kinds])
    words = [draw.choice(asked)] if kind is None else [draw.choice(kinds[kind]), draw.choice(asked)]
    if draw.random() < 0.5:
        words.insert(draw.randrange(len(words) + 1), draw.choice(WORDS))
    own = [title for title in titles if title.thing == thing]
    shown = draw.sample(own, 2) + draw.sample(titles, SHOWN - 2)
    shown = draw.sample(list(dict.fromkeys(shown)), len(set(shown)))
    for place, title in enumerate(shown, start=1):
        if draw.random() < 0.85 ** (place - 1) * answers(title, thing, kind):
            return " ".join(words), [each.text for each in shown], place
    return " ".join(words), [each.text for each in shown], 0


def main(folder: Path) -> None:
    draw = random.Random(7)
    titles = catalogue(draw)
    rows = [f"p{number}\t{title.text}\n" for number, title in enumerate(titles, start=1)]
    (folder / "catalogue.tsv").write_text("id\ttitle\n" + "".join(rows), "utf-8")
    moments = sorted(draw.uniform(0, DAYS * 86400) for _ in range(SEARCHES))
    lines = []
    for moment in moments:
        time = datetime(2026, 3, 1) + timedelta(seconds=int(moment))
        query, shown, place = search(titles, draw)
        user = f"u{draw.randrange(1, 800)}"
        lines.append(f"{time.isoformat()}\t{user}\t{query}\t{' | '.join(shown)}\t{place}\n")
    (folder / "log.tsv").write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
