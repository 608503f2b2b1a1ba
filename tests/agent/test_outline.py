"""Long diffs in short: nothing that changes is hidden behind what is new."""

from agent.cli.outline import outline


def document(before: str, after: str, *lines: str) -> str:
    return "\n".join((f"--- {before}", f"+++ {after}", "@@ -1,3 +1,3 @@", *lines))


MADE = document("/dev/null", "service web (after)", *[f"+line {n}" for n in range(40)])
GONE = document("service old (now)", "/dev/null", *[f"-line {n}" for n in range(30)])
CHANGED = document(
    "deployment web (now)", "deployment web (after)", " spec:", "-  replicas: 1", "+  replicas: 2", " x: y"
)


def test_a_short_diff_is_shown_as_it_is() -> None:
    assert outline(CHANGED, 12) == (CHANGED.splitlines(), 0)


def test_one_long_document_is_cut() -> None:
    shown, hidden = outline(MADE, 12)
    assert shown == MADE.splitlines()[:12]
    assert hidden == 43 - 12


def test_many_documents_by_name_and_only_changes_in_full() -> None:
    whole = "\n".join((MADE, GONE, CHANGED))
    shown, hidden = outline(whole, 20)
    assert shown == [
        "+ service web  (+40)",
        "- service old  (-30)",
        "~ deployment web  (+1 -1)",
        "@@ -1,3 +1,3 @@",
        "-  replicas: 1",
        "+  replicas: 2",
    ]
    assert hidden == len(whole.splitlines()) - len(shown)


def test_every_document_is_named_however_many_there_are() -> None:
    shown, _ = outline("\n".join(MADE.replace("web", f"web-{n}") for n in range(30)), 12)
    assert len(shown) == 30
    assert all(line.startswith("+ service web-") for line in shown)


def test_a_removed_line_of_dashes_is_no_new_document() -> None:
    diff = document("a (now)", "a (after)", "--- - x", " y", "+++ z")
    assert len(outline(f"{MADE}\n{diff}", 20)[0]) == 5
