"""The yardsticks: what a person would type without labctl, one command after another."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

import yaml

from labctl import host, paths
from labctl.environment import kind_config
from labctl.environment.images import build
from labctl.lab import facts, loader
from labctl.lab.model import EngineMachine
from labctl.session import bringup, opened
from labctl.session.model import Record
from labctl.session.store import Store

NAME = "labctl-byhand--x"
SEED = "by-hand"


def sh(command: str, **more: object) -> str:
    done = subprocess.run(command, shell=True, capture_output=True, text=True, **more)  # type: ignore[call-overload]
    if done.returncode != 0:
        raise SystemExit(f"{command} failed:\n{done.stdout}{done.stderr}")
    return str(done.stdout)


class ByHand:
    """The lab's images and facts; nothing of labctl is used while the clock runs."""

    def __init__(self, lab: str) -> None:
        self.lab = loader.find(lab)
        client = host.find("local").client()
        references = build.ensure(client, opened.images(self.lab), lambda text: None)
        self.folder = Path(tempfile.mkdtemp())
        record = Record(name="byhand", lab=lab, digest="", seed=SEED, learner="", created="")
        self.place = opened.place(Store(self.folder), record, self.lab, lambda: references)
        self.place.workspace.mkdir(parents=True)
        self.env = {**os.environ, **facts.environment(self.place.facts)}


class Engine(ByHand):
    """An engine machine: run it, wait for its engine, load images, run the setup scripts."""

    def __enter__(self) -> Engine:
        return self

    def start(self) -> None:
        (spec,) = [m for m in self.lab.machines.values() if isinstance(m, EngineMachine)]
        images = self.place.images
        sh(f"docker network create {NAME}")
        sh(
            f"docker run -d --privileged --cgroupns=private --name {NAME} --network {NAME}"
            f" -v {NAME}:/var/lib/docker -v {self.place.workspace}:/workspace {images[spec.image]}"
        )
        while subprocess.run(
            ["docker", "exec", NAME, "docker", "version"], capture_output=True
        ).returncode:
            time.sleep(0.2)
        for image in spec.images:
            sh(f"docker save {images[image]} | docker exec -i {NAME} docker load")
            sh(f"docker exec {NAME} docker tag {images[image]} {image}")
        names = " ".join(f"-e {name}" for name in facts.environment(self.place.facts))
        for step in self.lab.setup:
            script = self.lab.folder / str(step.script)
            sh(f'docker exec {names} {NAME} sh -euc "$(cat {script})"', env=self.env)

    def __exit__(self, *exc: object) -> None:
        sh(f"docker rm -fv {NAME}; docker volume rm {NAME}; docker network rm {NAME}")


class Cluster(ByHand):
    """A kind cluster and its workstation: create, apply, wait."""

    def __init__(self, lab: str) -> None:
        super().__init__(lab)
        config = kind_config.cluster(image=self.place.images["node"], nodes=1, cgroup_v1=True)
        self.config = self.folder / "kind.yaml"
        self.config.write_text(yaml.safe_dump(config))
        self.manifests = self.folder / "manifests.yaml"
        self.manifests.write_text(
            "\n---\n".join(
                bringup.manifests(self.place, step, self.lab.folder) for step in self.lab.setup
            )
        )
        self.env["PATH"] = f"{paths.bin_dir()}:{self.env['PATH']}"
        self.env["KUBECONFIG"] = str(self.folder / "kubeconfig")
        self.env["KIND_EXPERIMENTAL_DOCKER_NETWORK"] = NAME

    def start(self) -> None:
        sh(f"docker network create {NAME}")
        sh(f"kind create cluster --name {NAME} --config {self.config} --wait 180s", env=self.env)
        workstation = self.place.images["workstation"]
        sh(f"docker run -d --name {NAME}-ws --network {NAME} {workstation} sleep inf")
        sh(f"kubectl apply --server-side -f {self.manifests}", env=self.env)
        sh("kubectl wait pods --all -A --for=condition=Ready --timeout=120s", env=self.env)

    def stop(self) -> None:
        sh(f"kind delete cluster --name {NAME}", env=self.env)
        sh(f"docker rm -fv {NAME}-ws; docker network rm {NAME}")
