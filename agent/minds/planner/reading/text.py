"""A sentence made plain: one alphabet, no control characters, contractions and number words written out."""

from __future__ import annotations

import re
import unicodedata

LONGEST_SENTENCE = 4_000

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")  # what colours a terminal
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_HYPHENS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2212"), "-")  # as documents write them: web‑1 is web-1
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "´": "'", "–": "-", "—": " - ", "…": " "})
_CONTRACTIONS = (
    (r"\b(can)'?t\b|\bcannot\b", "can not"),
    (r"\b(won)'t\b", "will not"),
    (r"\b(do|does|did|is|are|was|were|has|have|had|should|would|could|must)n'?t\b", r"\1 not"),
    (r"\b(what|where|who|how)'?s\b(?!=)|\b(why|when|that|there|here|it)'s\b", r"\1\2 is"),
    (r"\bbe so (?:kind|good|nice)(?: and| as to| to)\b", " "),
    (r"\b(?:teh|hte|th)\b", "the"),
    (r"\b(?:wiht|wtih|wit)\b", "with"),
    (r"\b(?:adn|nad)\b", "and"),
    (r"\b(?:wat|waht|wht|whta)\b", "what"),
    (r"\b(?:rong|worng|wrogn)\b", "wrong"),
    (r"\b(?:fro|ofr)\b", "for"),
    (r"\bu\b", "you"),
    (r"\b(?:plase|pleas|plese|pleaes)\b", "please"),
    (r"\b(i|we|you|they)'d\b", r"\1 would"),
    (r"\b(i|we|you|they)'ll\b", r"\1 will"),
    (r"\b(i|we|you|they)'re\b|\b(what|how|where)'re\b", r"\1\2 are"),
    (r"\b(i|we|you|they)'ve\b", r"\1 have"),
    (r"\bi'?m\b", "i am"),
    (r"\blet'?s\b", "lets"),
    (r"\bwanna\b", "want to"),
    (r"\bgonna\b", "going to"),
    (r"\bgimme\b", "give me"),
    (r"\blemme\b", "let me"),
    (r"\b(\w[\w-]*)'s\b", r"\1"),
)
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
NUMBERS: dict[str, int] = {
    **{word: value for value, word in enumerate(_UNITS)},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
    "dozen": 12,
}
_LIKE_LATIN = frozenset(("CYRILLIC", "GREEK", "CHEROKEE", "ARMENIAN", "COPTIC", "LISU"))
_NUMBER = "|".join(sorted(NUMBERS, key=len, reverse=True))
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}


def clean(text: str) -> str:
    """NFKC, plain quotes, nothing unseen; line breaks stay, other white space and control codes become one blank."""
    text = unicodedata.normalize("NFKC", _LINE_ENDS.sub("\n", _ESCAPES.sub(" ", text)))
    text = text.translate(_QUOTES).translate(_HYPHENS)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")  # joiners and marks of direction
    text = "".join(c if c == "\n" or unicodedata.category(c)[0] != "C" else " " for c in text)
    return re.sub(r"[^\S\n]+", " ", text).strip()


def look_alike(text: str) -> str:
    """The first word that mixes Latin letters with those of an alphabet that looks like it; empty without one."""
    for word in re.findall(r"[\w.-]+", text):
        if not word.isascii():
            alphabets = {unicodedata.name(c, "").split(" ")[0] for c in word if c.isalpha()}
            if "LATIN" in alphabets and alphabets & _LIKE_LATIN:
                return word
    return ""


def plain(text: str) -> str:
    """Contractions and number words of a clean sentence written out; quoted text stays as it is."""
    pieces = re.split(r"(\"[^\"]*\"|`[^`]*`)", text)
    return "".join(piece if index % 2 else _plain(piece) for index, piece in enumerate(pieces))


def _plain(text: str) -> str:
    for pattern, replacement in _CONTRACTIONS:
        text = re.sub(pattern, replacement, text, flags=re.IGNORECASE)
    text = re.sub(  # "namespace staging: scale web to 2"
        r"^(?:(?:in|for|on) )?(?:the )?(?:namespace|ns) ([a-z0-9][a-z0-9-]*) ?[:,] ?(.+?)([.!?]?)$",
        r"\2 in namespace \1\3",
        text,
        flags=re.IGNORECASE | re.DOTALL,
    )
    text = re.sub(r"\b(?:a|one) (?=dozen|hundred|thousand|million|billion)", "1 ", text, flags=re.IGNORECASE)
    text = re.sub(r"\ba (?:couple|pair)(?: of)?\b|\ba couple\b", "2", text, flags=re.IGNORECASE)
    text = re.sub(r"\ban? additional\b|\banother\b(?! [a-z]+ (?:pod|replica))", "1 more", text, flags=re.IGNORECASE)
    # "the other one", "this one" are pronouns, not counts
    before = "the|this|that|which|other|last|first|second|third|same|next|old|new"
    text = re.sub(rf"\b({before}) one\b", r"\1 ones", text, flags=re.IGNORECASE)
    text = re.sub(
        rf"(?<![\w./=-])({_NUMBER})(?:[ -]({'|'.join(_UNITS[1:10])}))?(?![\w./=-]|-\w)",
        _number,
        text,
        flags=re.IGNORECASE,
    )
    return re.sub(rf"\b(\d+) ({'|'.join(_SCALES)})\b", _scaled, text, flags=re.IGNORECASE)


def _number(match: re.Match[str]) -> str:
    first, second = match[1].lower(), (match[2] or "").lower()
    if not second:
        return str(NUMBERS[first])
    if first in _TENS:
        return str(NUMBERS[first] + NUMBERS[second])
    return f"{NUMBERS[first]} {NUMBERS[second]}"


def _scaled(match: re.Match[str]) -> str:
    return str(int(match[1]) * _SCALES[match[2].lower()])


def garbled(text: str) -> bool:
    """Whether hardly anything of the text is a letter or a digit."""
    letters = sum(c.isalnum() for c in text)
    return letters == 0 or letters / len(text) < 0.25


def chart_value(text: str) -> int | bool | str | None:
    """A chart value as Helm's --set reads it."""
    if text in ("true", "false"):
        return text == "true"
    if text == "null":
        return None
    return int(text) if re.fullmatch(r"-?(?:0|[1-9]\d*)", text) else text
