"""Which session a command means when none is named."""

import pytest

from labctl.errors import UsageError
from labctl.session.choose import choose
from labctl.session.model import Record
from labctl.session.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def add(store, name):
    store.save(Record(name=name, lab="l", digest="", seed="", learner="", created=""))


def test_none_runs(store):
    with pytest.raises(UsageError, match="No lab is running") as error:
        choose(store, None)
    assert error.value.exit_code == 2


def test_the_only_one(store):
    add(store, "a")
    assert choose(store, None).name == "a"


def test_several_must_be_told_apart(store):
    add(store, "a")
    add(store, "b")
    with pytest.raises(UsageError) as error:
        choose(store, None)
    assert "a, b" in error.value.details
    assert choose(store, "b").name == "b"


def test_a_name_that_is_not_there_lists_the_others(store):
    add(store, "a")
    with pytest.raises(UsageError) as error:
        choose(store, "c")
    assert error.value.resolution == "Sessions: a."
