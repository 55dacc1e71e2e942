"""Certificates of a session: a real TLS connection, and what must not be trusted."""

import socket
import ssl
import stat
import threading

import pytest

from labctl.environment import kind_config, tls
from labctl.environment.model import Place
from labctl.lab.model import DockerMachine, Lab


def place_at(folder, *, certificate=True):
    machine = {"provider": "docker", "image": "registry", "about": "one"}
    machine["certificate"] = certificate
    lab = Lab.model_construct(machines={"registry": DockerMachine.model_validate(machine)})
    return Place("s", "store", lab, folder, folder / "workspace", {})


@pytest.fixture
def place(tmp_path):
    made = place_at(tmp_path)
    tls.make(made)
    return made


def shake_hands(place, name, trust):
    """Serve with the machine's certificate, and connect to it under a name."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own = tls.own(place, "registry")
    server.load_cert_chain(own / "tls.crt", own / "tls.key")
    client = ssl.create_default_context(cafile=trust / "ca.crt")
    ours, theirs = socket.socketpair()

    def serve():
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=name):
            return True
    finally:
        ours.close()
        thread.join()


def test_a_machine_is_trusted_under_its_own_name_and_no_other(place):
    trust = tls.trust(place)
    assert shake_hands(place, "registry", trust)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(place, "vault", trust)


def test_sessions_do_not_trust_each_other(place, tmp_path):
    other = place_at(tmp_path / "other")
    tls.make(other)
    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        shake_hands(place, "registry", tls.trust(other))


def test_keys_are_the_users_own_and_that_of_the_authority_is_gone(place):
    files = [f for f in (place.folder / "tls").rglob("*") if f.is_file()]
    keys = [f for f in files if b"PRIVATE" in f.read_bytes()]
    assert keys == [tls.own(place, "registry") / "tls.key"]
    assert stat.S_IMODE(keys[0].stat().st_mode) == 0o600


def test_what_is_there_is_kept(place):
    before = (tls.own(place, "registry") / "tls.crt").read_bytes()
    tls.make(place)
    assert (tls.own(place, "registry") / "tls.crt").read_bytes() == before


def test_what_an_interrupted_labctl_left_is_made_anew(place):
    trust = tls.trust(place)
    trust.rename(trust.with_suffix(".part"))
    tls.make(place)
    assert shake_hands(place, "registry", trust)


def test_a_lab_without_certificates_has_no_authority(tmp_path):
    place = place_at(tmp_path, certificate=False)
    tls.make(place)
    assert tls.trust(place) is None
    assert not (tmp_path / "tls").exists()


def test_nodes_find_whom_to_trust_where_containerd_looks(place):
    trust = tls.trust(place)
    (node,) = kind_config.cluster(image="labctl/node:1", trust=trust)["nodes"]
    (mount,) = node["extraMounts"]
    assert mount["hostPath"] == str(trust)
    assert mount["readOnly"] is True
    ca = (trust / "_default" / "hosts.toml").read_text().partition('"')[2].strip().strip('"')
    assert ca == f"{mount['containerPath']}/ca.crt"
    assert kind_config.cluster(image="labctl/node:1")["nodes"][0]["extraMounts"] == []
