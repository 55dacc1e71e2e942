import pytest
from pydantic import ValidationError

from labctl.grading.submission.definition import Definition, from_inspect
from labctl.grading.submission.rebuild import _ordered, options

ID = "f" * 64


def told(**changes):
    """What `docker inspect` says of `docker run --name web web`, cut to what is looked at."""
    host = {
        "NetworkMode": "default",
        "PortBindings": {},
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "IpcMode": "private",
        "Runtime": "runc",
        "ShmSize": 67108864,
        "MaskedPaths": ["/proc/kcore"],
        "Binds": None,
        "PidsLimit": None,
    } | changes.pop("HostConfig", {})
    config = {
        "Hostname": ID[:12],
        "Image": "web",
        "Env": ["PATH=/bin"],
        "Cmd": None,
        "Entrypoint": ["/web"],
        "User": "",
        "WorkingDir": "",
        "Labels": {"host": "learners-laptop"},
    } | changes.pop("Config", {})
    return {
        "Id": ID,
        "Name": "/web",
        "State": {"Running": True, "Paused": False},
        "Path": "/home/learner/web",
        "Config": config,
        "HostConfig": host,
        "NetworkSettings": {"Networks": {"bridge": {"IPAMConfig": None}}},
    } | changes


def define(names=None, networks=None, **changes):
    return from_inspect(told(**changes), names or {}, networks or {})


def argv(names=None, networks=None, **changes):
    return options("web", Definition.model_validate(define(names, networks, **changes)))


def test_only_what_differs_from_dockers_defaults_is_told():
    assert define() == {"image": "web", "env": ["PATH=/bin"], "entrypoint": ["/web"]}
    assert argv() == [
        *("--name=web", "--network=bridge", "--env=PATH=/bin", "--entrypoint=/web", "--", "web")
    ]


def test_what_docker_run_was_told_is_told_again():
    host = {
        "NetworkMode": "back",
        "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]},
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
        "CapDrop": ["ALL"],
        "CapAdd": ["CAP_NET_BIND_SERVICE"],
        "SecurityOpt": ["no-new-privileges:true"],
        "ReadonlyRootfs": True,
        "Tmpfs": {"/tmp": "size=8m"},
        "Memory": 1 << 20,
        "NanoCpus": 250_000_000,
        "PidsLimit": 48,
        "Binds": ["data:/data", "/etc/x:/x:ro"],
        "Ulimits": [{"Name": "nofile", "Soft": 5, "Hard": 9}],
        "Sysctls": {"net.core.somaxconn": "5"},
        "BlkioDeviceWriteBps": [{"Path": "/dev/sda", "Rate": 1000}],
        "Runtime": "runsc",
    }
    config = {"User": "1000:1000", "Entrypoint": ["sh", "-c"], "Cmd": ["echo $A\nexit"]}
    networks = {
        "NetworkSettings": {"Networks": {"back": {"IPAMConfig": {"IPv4Address": "10.0.0.9"}}}}
    }
    known = {"back": {"IPAM": {"Config": [{"Subnet": "10.0.0.0/24"}]}, "Internal": True}}
    definition = define(HostConfig=host, Config=config, networks=known, **networks)
    assert definition["networks"]["back"] == {
        "ip": "10.0.0.9",
        "internal": True,
        "subnet": "10.0.0.0/24",
    }
    assert options("web", Definition.model_validate(definition)) == [
        "--name=web",
        "--network=back",
        "--ip=10.0.0.9",
        "--read-only",
        "--user=1000:1000",
        "--restart=on-failure:3",
        "--runtime=runsc",
        "--memory=1048576",
        "--pids-limit=48",
        "--security-opt=no-new-privileges=true",
        "--env=PATH=/bin",
        "--cap-add=NET_BIND_SERVICE",
        "--cap-drop=ALL",
        "--publish=8080:80/tcp",
        "--device-write-bps=/dev/sda:1000",
        "--sysctl=net.core.somaxconn=5",
        "--tmpfs=/tmp:size=8m",
        "--ulimit=nofile=5:9",
        "--volume=data:/data",
        "--volume=/etc/x:/x:ro",
        "--cpus=0.250000000",
        "--entrypoint=sh",
        "--",
        "web",
        "-c",
        "echo $A\nexit",
    ]


def test_an_image_is_known_by_its_bare_name():
    for name in ("web", "web:latest", "docker.io/library/web:latest"):
        assert define(Config={"Image": name})["image"] == "web"
    assert define(Config={"Image": "evil.example/web"})["image"] == "evil.example/web"


def test_containers_are_named_where_docker_tells_ids():
    other = "a" * 64
    modes = {"NetworkMode": f"container:{other}", "PidMode": f"container:{other}"}
    definition = define({other: "shop"}, HostConfig=modes)
    assert (definition["network"], definition["pid"]) == ("container:shop", "container:shop")
    made = Definition.model_validate(definition)
    assert [*_ordered({"a": made, "shop": Definition(image="shop")})] == ["shop", "a"]


def test_containers_that_need_each_other_are_all_there():
    first = Definition.model_validate({"image": "x", "pid": "container:b"})
    second = Definition.model_validate({"image": "x", "pid": "container:a"})
    assert sorted(_ordered({"a": first, "b": second})) == ["a", "b"]


def test_what_takes_protection_away_is_told():
    host = {
        "Privileged": True,
        "PidMode": "host",
        "UTSMode": "host",
        "UsernsMode": "host",
        "MaskedPaths": [],
        "SecurityOpt": ["label=disable", "seccomp=unconfined"],
        "Devices": [{"PathOnHost": "/dev/kvm"}],
        "VolumesFrom": ["shop"],
        "CgroupParent": "/",
    }
    definition = define(HostConfig=host, Config={"Hostname": "learners-laptop"})
    assert definition["security_opt"] == ["seccomp=unconfined", "systempaths=unconfined"]
    wanted = ("privileged", "pid", "uts", "userns", "devices", "volumes_from", "cgroup_parent")
    assert set(wanted) <= set(definition)
    # With the machine's UTS namespace, the name is the machine's.
    assert "hostname" not in definition


def test_nothing_but_what_is_listed_goes_on():
    assert "learner" not in repr(define())


def test_a_stopped_container_stays_one():
    assert define(State={"Running": False})["running"] is False
    assert define(State={"Running": True, "Paused": True})["running"] is False


@pytest.mark.parametrize(
    "change",
    [
        {"publish": ["8080:80/tcp --privileged"]},
        {"mounts": [{"type": "bind", "source": "/a:/b", "target": "/x"}]},
        {"mounts": [{"type": "volume", "source": "v", "target": "/x,volume-opt=device=/"}]},
        {"tmpfs": {"/x": "rw;"}},
        {"tmpfs": {"/x:exec": ""}},
        {"networks": {"name=x,driver-opt=y": {}}},
        {"user": "root\n"},
        {"env": ["A=\x00"]},
        {"memory": 1 << 60},
        {"memory": True},
        {"device_write_bps": ["/dev/../etc:1"]},
    ],
)
def test_words_that_docker_would_read_more_into_are_unfit(change):
    with pytest.raises(ValidationError):
        Definition.model_validate({"image": "web", **change})


def test_no_value_can_be_taken_for_an_option():
    nasty = {
        "image": "web",
        "command": ["--privileged"],
        "env": ["-v=/:/x"],
        "user": "--privileged",
    }
    made = options("web", Definition.model_validate(nasty))
    assert made[-3:] == ["--", "web", "--privileged"]
    assert "--user=--privileged" in made
    assert "--env=-v=/:/x" in made
    odd = options("web", Definition.model_validate({"image": "web", "network": "x=host"}))
    assert "--network=none" in odd
