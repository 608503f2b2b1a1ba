"""Names of images on a real engine: tagged, removed and moved in whatever order, taken back they are as they were."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.guard.undo import undo
from tests.safety.test_undo import Hand
from tools.change import Change, Proposal, RemoveImage, TagImage
from tools.context import Context
from tools.errors import NeedsAnswer, Refused

pytestmark = pytest.mark.engine


class Names:
    """Two images of one file each, and three names that may mean either or none."""

    def __init__(self, hand: Hand) -> None:
        self.hand, self.base = hand, f"shipmate-undo-{token_hex(4)}"
        self.images = [self._make(f"{self.base}:own{number}", str(number)) for number in range(2)]
        self.free = [f"{self.base}:{name}" for name in "abc"]

    def _make(self, name: str, text: str) -> str:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            entry = tarfile.TarInfo("file")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
        made = subprocess.run(["docker", "import", "-", name], input=packed.getvalue(), capture_output=True, check=True)
        return made.stdout.decode().strip()

    def id(self, name: str) -> str | None:
        return (self.hand.ctx.engine.image(name) or {}).get("Id")

    def state(self) -> dict[str, str | None]:
        return {name: self.id(name) for name in self.free}

    def tag(self, name: str, image: int) -> Change:
        return TagImage(summary=f"tag {name}", source=f"{self.base}:own{image}", image=name)

    def remove(self, name: str) -> Change:
        return RemoveImage(summary=f"remove {name}", image=name)

    def clean(self) -> None:
        subprocess.run(["docker", "rmi", "-f", *self.free, *(f"{self.base}:own{n}" for n in range(2))],
                       capture_output=True, check=False)  # fmt: skip


@pytest.fixture
def names(tmp_path: Path) -> Iterator[Names]:
    found = Names(Hand(Context(root=tmp_path, state=tmp_path / "state")))
    yield found
    found.clean()


STEP = st.tuples(st.integers(0, 2), st.sampled_from([0, 1, None]))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.lists(STEP, max_size=2), steps=st.lists(STEP, min_size=1, max_size=4))
def test_whatever_was_done_to_names_goes_back_and_is_done_again(names: Names, start: Any, steps: Any) -> None:
    def go(wanted: Any) -> int:
        done = 0
        for number, image in wanted:
            name = names.free[number]
            if names.id(name) != (None if image is None else names.images[image]):
                names.hand.do(names.remove(name) if image is None else names.tag(name, image))
                done += 1
        return done

    go([(number, None) for number in range(3)])
    go(start)
    was = names.state()
    done = go(steps)
    became = names.state()
    if done:
        proposal = undo(names.hand.ctx, last=done)
        if proposal.changes:
            names.hand.yes(proposal)
            assert names.state() == was
            names.hand.undo(redo=True)
            assert names.state() == became
            return
    assert names.state() == was


def test_a_name_that_others_moved_since_is_a_question(names: Names) -> None:
    names.hand.do(names.tag(names.free[0], 0))
    subprocess.run(["docker", "tag", f"{names.base}:own1", names.free[0]], check=True)
    with pytest.raises(NeedsAnswer, match="names another image by now"):
        undo(names.hand.ctx)
    with pytest.raises(Refused, match="left as it is"):
        undo(names.hand.ctx, others="keep")
    names.hand.undo(others="overwrite")
    assert names.id(names.free[0]) is None


def test_an_image_that_went_with_its_last_name_does_not_come_back(names: Names) -> None:
    name = f"{names.base}:own1"
    plan = names.hand.plan(Proposal(changes=(names.remove(name),)))
    assert "last name" in plan.steps[0].preview.no_undo
    names.hand.do(names.remove(name))
    with pytest.raises(Refused, match="gone from the engine"):
        undo(names.hand.ctx)
