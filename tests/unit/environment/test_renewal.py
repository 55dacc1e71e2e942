"""Marks in files, and what came to a node since."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from labctl.environment import renewal
from labctl.environment.renewal import Mark, Node

FILE = "644 12 1700000000.5 /etc/hosts"
IMAGE = "docker.io/labctl/clerk:lab sha256:1"


def test_new_files_and_images_are_named():
    now = Node([FILE, "755 - - /srv/a b"], [IMAGE, "evil:1 sha256:2"])
    assert now.since(Node([FILE], [IMAGE])) == (["/srv/a b"], ["evil:1"])


@pytest.mark.parametrize(
    "now",
    [
        Node([], [IMAGE]),  # gone
        Node([FILE.replace("12", "13")], [IMAGE]),  # changed
    ],
)
def test_a_file_that_would_have_to_come_back_is_nothing_that_can_be_done(now):
    assert now.since(Node([FILE], [IMAGE])) == (None, [])


def test_an_image_of_the_same_name_is_another_one():
    now = Node([FILE], [IMAGE.replace("sha256:1", "sha256:2")])
    assert now.since(Node([FILE], [IMAGE])) == ([], None)


def test_a_mark_is_read_as_it_was_written(tmp_path):
    mark = Mark("digest", "kubeconfig", {"id": Node([FILE], [IMAGE])}, {"/registry/a": "AA=="})
    (tmp_path / "mark").write_text(json.dumps(asdict(mark)))
    assert renewal.load(tmp_path / "mark") == mark


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nodes": {"a": {"b": 1}}}', '{"nodes": {}}'])
def test_a_damaged_mark_is_none(tmp_path, text):
    (tmp_path / "mark").write_text(text)
    assert renewal.load(tmp_path / "mark") is None


def test_no_mark_is_none(tmp_path):
    assert renewal.load(tmp_path / "mark") is None
