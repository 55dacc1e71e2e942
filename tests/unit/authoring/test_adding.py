"""Adding a lab: seen first, pinned, never in another's place, and never half."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from labctl.authoring import adding, git, scaffold
from labctl.errors import DefinitionError, UsageError
from labctl.lab import loader, sources
from labctl.session.model import Record
from labctl.session.store import Store


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("LABCTL_DATA_DIR", str(tmp_path / "data"))


class Origin:
    """A repository with the lab `door`, which is small and right."""

    def __init__(self, folder: Path, path: str = "labs/door") -> None:
        self.folder, self.url = folder, f"file://{folder}"
        self.lab = folder / path
        scaffold.create(self.lab.name, parent=self.lab.parent)
        self.git("init", "--quiet", "--initial-branch=main")
        self.first = self.commit()

    def git(self, *arguments: str) -> str:
        who = {f"GIT_{k}": "ann" for k in ("AUTHOR_NAME", "COMMITTER_NAME")}
        mail = {f"GIT_{k}": "ann@example.org" for k in ("AUTHOR_EMAIL", "COMMITTER_EMAIL")}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **who, **mail},
            check=True,
            capture_output=True,
        )
        return done.stdout.decode().strip()

    def commit(self, subject: str = "a door") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", f"--message={subject}")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def origin(tmp_path):
    return Origin(tmp_path / "origin")


def add(where: object, **options: str) -> sources.Origin:
    with adding.proposed(str(where), **options) as found:
        return adding.accept(found)


def lies() -> list[str]:
    return sorted(p.name for p in sources.added_dir().iterdir() if p.is_dir())


def test_a_lab_of_a_repository_is_copied_and_pinned(origin):
    with adding.proposed(origin.url, path="labs/door/") as found:
        assert found.is_news
        assert sources.registry() == {}, "nothing is added before the user says yes"
        told = found.to_json()
        where = adding.accept(found)
    assert (told["commit"], told["subject"], told["before"]) == (origin.first, "a door", "")
    assert told["author"] == "ann <ann@example.org>"
    assert told["images"] == ["box"]
    assert (where.source, where.path, where.commit) == (origin.url, "labs/door", origin.first)
    assert sources.registry() == {"door": where}
    assert where.folder == sources.added_dir() / f"door.{origin.first[:12]}" / "door"
    lab = loader.find("door")
    assert lab.source == f"{origin.url}@{origin.first}:labs/door"
    assert loader.digest(lab) == told["digest"] == loader.digest(loader.load(origin.lab))


def test_a_repository_may_be_one_lab(tmp_path):
    whole = Origin(tmp_path / "door", path="")
    assert whole.lab == whole.folder
    where = add(whole.url)
    assert (where.lab, where.path) == ("door", "")


def test_a_no_leaves_nothing(origin):
    with adding.proposed(origin.url, path="labs/door"):
        pass
    assert sources.registry() == {}
    assert lies() == []


def test_added_again_it_is_no_news_until_there_is_another_commit(origin):
    before = add(origin.url, path="labs/door")
    with adding.proposed(origin.url, path="labs/door") as found:
        assert not found.is_news
    (origin.lab / "README.md").write_text("# Another door\n")
    second = origin.commit()
    with adding.proposed(origin.url, path="labs/door") as found:
        assert found.is_news
        assert found.to_json()["before"] == origin.first
        assert found.before == before
        where = adding.accept(found)
    assert (where.commit, lies()) == (second, [f"door.{second[:12]}"])
    assert (loader.find("door").folder / "README.md").read_text() == "# Another door\n"
    back = add(origin.url, path="labs/door", commit=origin.first)
    assert (back.commit, lies()) == (origin.first, [f"door.{origin.first[:12]}"])


def test_a_copy_that_was_edited_is_news_and_is_put_back(origin):
    where = add(origin.url, path="labs/door")
    (where.folder / "checks" / "test_doors.py").write_text("")
    with adding.proposed(origin.url, path="labs/door") as found:
        assert found.is_news
        adding.accept(found)
    assert (where.folder / "checks" / "test_doors.py").read_text()


def test_a_lab_in_a_folder_stays_there(tmp_path, monkeypatch):
    made = scaffold.create("door", parent=tmp_path / "mine")
    monkeypatch.chdir(tmp_path / "mine")
    where = add("door")
    assert (where.folder, where.source, where.commit) == (made, str(made), "")
    assert loader.find("door").source == str(made)
    with adding.proposed("./door") as found:
        assert not found.is_news
    adding.remove(Store(), "door")
    assert (made / "lab.yaml").is_file()


def test_what_it_may_do_is_seen_first(tmp_path):
    made = scaffold.create("door", provider="engine", parent=tmp_path)
    text = (made / "lab.yaml").read_text()
    shop = "  shop: {provider: docker, image: base, about: A shop, capabilities: [NET_ADMIN]}\n"
    (made / "lab.yaml").write_text(text.replace("machines:\n", f"machines:\n{shop}"))
    with adding.proposed(str(made)) as found:
        machines = {machine.pop("name"): machine for machine in found.to_json()["machines"]}
    assert machines["shop"] == {
        "provider": "docker",
        "about": "A shop",
        "privileged": False,
        "capabilities": ["NET_ADMIN"],
    }
    (engine,) = machines.keys() - {"shop"}
    assert machines[engine]["privileged"] is True


def test_so_is_what_it_makes_on_this_computer_and_of_the_nodes(tmp_path):
    made = scaffold.create("door", provider="kind", parent=tmp_path)
    text = (made / "lab.yaml").read_text()
    agent = made / "environment" / "agent"
    agent.mkdir()
    (agent / "Dockerfile").write_text("FROM scratch\nCOPY bin/agent /agent\n")
    (agent / "go.mod").write_text("module agent\n")
    (made / "lab.yaml").write_text(text.replace("images: [probe]", "images: [probe, agent]"))
    with adding.proposed(str(made)) as found:
        told = found.to_json()
    assert (told["images"], told["programs"], told["preloaded"]) == (
        ["agent"],
        ["agent"],
        ["door.agent"],
    )


def test_a_lab_that_is_wrong_is_not_added(origin, tmp_path):
    file = origin.lab / "lab.yaml"
    file.write_text(file.read_text().replace("minutes:", "hours:"))
    origin.commit()
    with pytest.raises(DefinitionError) as error:
        add(origin.url, path="labs/door")
    assert "unknown key `hours`" in (error.value.details or "")
    with pytest.raises(DefinitionError):
        add(origin.lab)
    assert sources.registry() == {}


@pytest.mark.parametrize("file", ["solution/solution.yaml", "mistakes/shut-down/mistake.yaml"])
def test_nor_one_whose_solution_or_mistakes_are(origin, file):
    (origin.lab / file).write_text("steps: [{machine: nobody, script: x}]\n")
    with pytest.raises(DefinitionError):
        add(origin.lab)


@pytest.mark.parametrize("name", ["lab.yaml", "environment/workspace/key", "README.md"])
def test_a_link_to_the_users_files_is_not_even_read(origin, name):
    link = origin.lab / name
    link.unlink(missing_ok=True)
    link.symlink_to("/etc/hostname")
    origin.commit()
    for where in ((origin.url, "labs/door"), (str(origin.lab), "")):
        with pytest.raises(DefinitionError) as error:
            add(where[0], path=where[1])
        assert "leads out of the lab's folder" in (error.value.details or "")


def test_no_lab_takes_the_place_of_one_of_our_own(tmp_path):
    made = scaffold.create("namespaces", parent=tmp_path)
    with pytest.raises(UsageError, match="comes with labctl"):
        add(made)


def test_no_lab_takes_the_place_of_one_from_elsewhere(origin, tmp_path):
    add(origin.url, path="labs/door")
    other = scaffold.create("door", parent=tmp_path / "other")
    with pytest.raises(UsageError, match="another lab `door`") as error:
        add(other)
    assert "labctl lab remove door" in (error.value.resolution or "")


def test_nor_while_the_user_thinks(origin, tmp_path):
    other = scaffold.create("door", parent=tmp_path / "other")
    with adding.proposed(origin.url, path="labs/door") as found:
        add(other)
        with pytest.raises(UsageError, match="another lab `door`"):
            adding.accept(found)
    assert sources.registry()["door"].source == str(other)


def test_what_was_removed_while_the_user_thinks_is_not_pinned_anew(origin):
    add(origin.url, path="labs/door")
    (origin.lab / "README.md").write_text("# Another door\n")
    origin.commit()
    with adding.proposed(origin.url, path="labs/door") as found:
        adding.remove(Store(), "door")
        with pytest.raises(UsageError, match="meanwhile"):
            adding.accept(found)


def test_labs_in_the_repository_are_named_when_the_path_is_wrong(origin):
    for path, told in (("", "no lab.yaml at its top"), ("labs", "no lab in its folder labs")):
        with pytest.raises(UsageError, match=told) as error:
            add(origin.url, path=path)
        assert "labs/door" in (error.value.details or "")


@pytest.mark.parametrize("name", ["Door", "a_door", "a" * 25])
def test_a_folder_that_no_lab_can_be_called_after(origin, tmp_path, name):
    shutil.copytree(origin.lab, origin.folder / name)
    origin.commit()
    for where in ((origin.url, name), (str(origin.folder / name), "")):
        with pytest.raises(UsageError, match="cannot be a lab's id"):
            add(where[0], path=where[1])


def test_a_folder_is_no_repository_and_no_lab(tmp_path):
    with pytest.raises(UsageError, match="for git repositories"):
        add(tmp_path, ref="main")
    with pytest.raises(UsageError, match="no lab in"):
        add(tmp_path)


def test_a_folder_may_not_be_too_large_either(origin, monkeypatch):
    monkeypatch.setattr(git, "MOST_FILES", 3)
    with pytest.raises(UsageError, match=r"holds \d+ files"):
        add(origin.lab)


def test_a_lab_that_runs_is_not_removed(origin):
    add(origin.url, path="labs/door")
    store = Store()
    record = Record(name="mine", lab="door", digest="", seed="s", learner="", created="t")
    store.save(record)
    with pytest.raises(UsageError, match="runs: mine") as error:
        adding.remove(store, "door")
    assert "labctl stop --session mine" in (error.value.resolution or "")
    store.delete("mine")
    assert adding.remove(store, "door").commit == origin.first
    assert (sources.registry(), lies()) == ({}, [])


def test_only_what_was_added_can_be_removed():
    with pytest.raises(UsageError, match="comes with labctl"):
        adding.remove(Store(), "namespaces")
    with pytest.raises(UsageError, match="was never added"):
        adding.remove(Store(), "nonsense")


def test_what_killed_commands_left_is_swept_and_nothing_else(origin, tmp_path):
    folder = sources.added_dir()
    litter, old, young = folder / "gone.0123456789ab", folder / ".new-old", folder / ".new-young"
    mine = folder / "mine"
    for each in (litter, old, young, mine):
        each.mkdir(parents=True)
    os.utime(old, (0, 0))
    add(origin.url, path="labs/door")
    assert lies() == sorted([young.name, f"door.{origin.first[:12]}", mine.name])
