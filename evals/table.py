"""The score of the faults as a table, for the terminal and for the troubleshooting guide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evals.faults import Score

GUIDE = Path(__file__).parents[1] / "docs" / "troubleshooting.md"
_BEGIN, _END = "<!-- faults: begin -->", "<!-- faults: end -->"


def table(scores: Sequence[Score], areas: Sequence[str]) -> str:
    """Causes found, false findings and fixes proven, by area and in total, with the names of those that failed."""
    lines = ["| faults | played | causes found | false findings | fixes proven |", "| --- | --- | --- | --- | --- |"]
    for area in areas:
        some = [score for score in scores if score.fault.area == area]
        if some:
            lines.append(_row(area, some))
    lines.append(_row("**all**", scores))
    failed = [score for score in scores if score.problems]
    if failed:
        lines += ["", "Failed: " + ", ".join(f"{score.fault.area}/{score.fault.name}" for score in failed) + "."]
    return "\n".join(lines)


def _row(head: str, scores: Sequence[Score]) -> str:
    broken = [score for score in scores if score.fault.expect]
    found = sum(not score.missed for score in broken)
    false = sum(len(score.false) for score in scores)
    tried = [score for score in broken if score.mend]
    proven = sum(not (score.missed or score.unmended) for score in tried)
    return f"| {head} | {len(scores)} | {_share(found, len(broken))} | {false} | {_share(proven, len(tried))} |"


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part // whole} %)" if whole else "–"


def write_table(text: str) -> None:
    """Put the table between its markers in the guide."""
    guide = GUIDE.read_text()
    before, begin, rest = guide.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{GUIDE.name} has no place for the table ({_BEGIN} … {_END})")
    GUIDE.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}")
