"""The published schema is the one that the loader goes by."""

from labctl import paths
from labctl.lab import schema


def test_the_published_schema_is_current():
    published = (paths.labs_dir() / "lab.schema.json").read_text()
    assert published == schema.text(), "run `make schema`"
