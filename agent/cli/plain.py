"""Text from elsewhere made safe for a terminal.

Names, logs and annotations of a cluster may hold escape sequences (which move the cursor, set titles, answer for the
person) and signs that turn the reading order around; both could make a plan look like another. They are shown as what
they are instead of being obeyed.
"""

_OBEYED = {
    **{code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"},
    **{code: f"\\u{code:04x}" for code in (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2060, 0x206A))},
    **{code: f"\\u{code:04x}" for code in (0x00AD, 0x200B, 0xFEFF, *range(0xE0000, 0xE0080))},  # seen by nobody
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),  # halves of signs, which cannot be written
}


def clean(text: str) -> str:
    """The text with every control character but line ends and tabs written out."""
    return text.translate(_OBEYED)
