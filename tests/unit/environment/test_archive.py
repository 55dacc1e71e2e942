"""Images get other names inside their archive."""

import io
import json
import tarfile

from labctl.environment.images.archive import renamed


def packed(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def test_names_change_and_layers_do_not():
    manifest = [{"Config": "c.json", "RepoTags": ["labctl/a.b:123"], "Layers": ["l/layer.tar"]}]
    files = {"manifest.json": json.dumps(manifest).encode(), "l/layer.tar": b"layer"}
    data = renamed(packed({**files, "repositories": b"{}"}), {"labctl/a.b:123": "b"})
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getnames() == ["manifest.json", "l/layer.tar"]
        assert json.load(tar.extractfile("manifest.json"))[0]["RepoTags"] == ["b:latest"]
        assert tar.extractfile("l/layer.tar").read() == b"layer"
