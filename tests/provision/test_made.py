"""Only a cluster's UID tells that it was made here."""

import pytest

from tools.errors import Failed
from tools.provision import made
from tools.provision.folders import state_folder
from tools.provision.made import Record


def test_a_cluster_is_known_by_its_uid_until_it_is_forgotten() -> None:
    made.remember(Record("uid-1", "shipmate", "built-in"))
    assert made.made_by_us("uid-1")
    assert not made.made_by_us("uid-2")
    made.forget("shipmate")
    assert not made.made_by_us("uid-1")
    assert list(state_folder().glob("clusters.json")) == []


def test_a_cluster_made_anew_replaces_the_old_one_of_its_name() -> None:
    made.remember(Record("old", "shipmate", "built-in"))
    made.remember(Record("other", "second", "kind"))
    made.remember(Record("new", "shipmate", "built-in"))
    assert {record.uid for record in made.all_records()} == {"new", "other"}


def test_no_uid_is_nobodys_cluster() -> None:
    made.remember(Record("", "half", "built-in"))
    assert not made.made_by_us("")


def test_an_unreadable_memory_is_said_and_not_overwritten() -> None:
    file = state_folder() / "clusters.json"
    file.write_text("{")
    with pytest.raises(Failed, match=r"clusters\.json"):
        made.remember(Record("u", "n", "built-in"))
    assert file.read_text() == "{"
