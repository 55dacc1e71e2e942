"""Which images a session needs."""

from labctl.lab.model import Lab
from labctl.session import opened

CLUSTER = {"provider": "kind", "about": "A cluster", "images": ["app"]}


def lab(folder, **machines):
    made = Lab.model_validate(
        {
            "format": 1,
            "title": "A lab",
            "track": "kubernetes",
            "minutes": 5,
            "objectives": ["See"],
            "shell": "a",
            "machines": machines,
        }
    )
    return made.model_copy(update={"id": folder.name, "folder": folder})


def test_clusters_with_and_without_add_ons_need_nodes_of_their_own(tmp_path):
    one = lab(tmp_path, a=CLUSTER, b={**CLUSTER, "addons": ["guard", "bell"]})
    assert opened.images(one) == ["node", "node.bell.guard", "probe"]


def test_no_lab_puts_nodes_of_its_own_in_their_place(tmp_path):
    for name in ("node", "node.guard", "tools"):
        (tmp_path / "environment" / name).mkdir(parents=True)
        (tmp_path / "environment" / name / "Dockerfile").write_text("FROM scratch\n")
    tools = {"provider": "docker", "image": "tools", "about": "Tools"}
    one = lab(tmp_path, a=CLUSTER, b={**CLUSTER, "addons": ["guard"]}, c=tools)
    own = f"{tmp_path.name}.tools"
    assert opened.images(one) == sorted(["node", "node.guard", "probe", own])
