import pytest

from labctl.environment.images.node_images import normal_name


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("shop:1", "docker.io/library/shop:1"),
        ("labctl/shop:lab", "docker.io/labctl/shop:lab"),
        ("docker.io/labctl/shop:lab", "docker.io/labctl/shop:lab"),
        ("registry.k8s.io/pause:3.10.2", "registry.k8s.io/pause:3.10.2"),
        ("localhost/shop:1", "localhost/shop:1"),
        ("registry:5000/shop:1", "registry:5000/shop:1"),
    ],
)
def test_names_are_completed_as_containerd_does(short: str, full: str) -> None:
    assert normal_name(short) == full
