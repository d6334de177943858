"""Texts that try every rule by which a text becomes ids, for who writes these rules anew."""

from __future__ import annotations

_LONGEST = 1000

_TEXTS = (
    "",
    "！？ … \u200b",
    "good",
    "x",
    "iPhone 12 手机壳 透明",
    "花呗怎么还款,花呗",
    "the cat and the other cat",
    "ＡＢＣ１２３ café naïve Ærø",
    "cafe\u0301 decompose\u0301",
    "women's o’clock",
    "50% off & free <3 ★",
    "ﬁne ™ ½ Ⅳ ㌔ ②",
    "ΟΔΥΣΣΕΥΣ σ Ω",
    "İstanbul DIYARBAKIR STRASSE ß",
    "สวัสดี ครับ",
    "한국어 \u1112\u1161\u11ab",
    "こんにちは カタカナ ｶﾞ",
    "😀 👍🏽 ok 👩‍💻",
    "zero\u200bwidth so\u00adft tab\tno\u00a0break",
    "3.5mm 1,000ml 1'000 -5°C −.5 10×15cm 4x4 4ax4 1,00 1.2.3 ３½",
    "C++11/C# F# .NET ASP.NET x.next a+b A+ g++ a+++b 18+ 1+1 #1",
    "☀️ ❤️ 葛\U000e0100城 1️⃣ 🇩🇪🇫🇷🇩 臺灣 繁體 rtx3060ti 12gb 5f4d 2020-05-01 12:30",
    "never-seen_龘 3.14 a/b",
    "a" * 100,
    "\u0301 𠮷野家 𝒳",
)


def sample_texts(max_units: int) -> list[str]:
    """Return the texts, the last of which is longer than a model of `max_units` reads."""
    words = (f"w{i % 9}" for i in range(min(max_units, _LONGEST) + 2))
    return [*_TEXTS, " ".join(words)]
