"""The users' guide has an entry for each finding id, in the words of its rule, and none for ids that are gone."""

import re
from pathlib import Path

import pytest

from tools.kubernetes.diagnose.run import meanings

GUIDE = Path(__file__).parents[4] / "docs" / "troubleshooting.md"
ENTRIES = dict(re.findall(r"^### (SM-[A-Z-]+)\n(.*?)(?=^##|\Z)", GUIDE.read_text(), re.M | re.S))


@pytest.mark.parametrize("id", meanings())
def test_each_finding_is_explained(id: str) -> None:
    entry = ENTRIES.get(id, "")
    meaning = meanings()[id]
    assert f"{meaning[0].upper()}{meaning[1:]}." in entry, "the meaning is the rule's own, word by word"
    assert re.search(r"^\* Example: \S", entry, re.M)
    assert re.search(r"^\* What to do: \S", entry, re.M)


def test_nothing_is_explained_that_no_rule_finds() -> None:
    assert set(ENTRIES) <= set(meanings())
