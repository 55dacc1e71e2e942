"""Archives of images, as `docker save` and `docker load` have them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from labctl.errors import EnvironmentFailure

if TYPE_CHECKING:
    import docker

_CHUNK = 1 << 20


def save(client: docker.DockerClient, references: list[str]) -> Iterator[bytes]:
    """One archive of several images, in pieces; layers that they share are in it once.

    docker-py saves one at a time. Raises EnvironmentFailure when the engine lacks one of them.
    """
    api = client.api
    url = f"{api.base_url}/v{api.api_version}/images/get"
    with api.get(url, params={"names": references}, stream=True, timeout=600) as response:
        if response.status_code != 200:
            raise EnvironmentFailure("The engine cannot save its images", details=response.text)
        yield from response.iter_content(_CHUNK)


def renamed(data: bytes, names: Mapping[str, str]) -> bytes:
    """The archive with other names for its images: `names` maps old to new.

    To load it is then one command, where loading, naming and un-naming would be many.
    """
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=out, mode="w") as new:
        for member in old:
            content = old.extractfile(member)
            if member.name == "manifest.json" and content is not None:
                images = json.load(content)
                for image in images:
                    image["RepoTags"] = [_tagged(names[tag]) for tag in image["RepoTags"]]
                text = json.dumps(images).encode()
                member.size, content = len(text), io.BytesIO(text)
            if member.name not in ("repositories", "index.json"):  # other places for names
                new.addfile(member, content)
    return out.getvalue()


def _tagged(name: str) -> str:
    return name if ":" in name else f"{name}:latest"
