"""Certificates for machines that serve TLS, by an authority that only their session knows.

The session's folder `tls/` has, each to be mounted by who needs it:

    MACHINE/tls.crt, tls.key    what the machine shows, for its name in the session's networks
    trust/ca.crt                the authority, for whoever connects to it
    trust/_default/hosts.toml   what makes containerd trust it, for whatever registry
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.environment.model import Place
from labctl.lab.model import DockerMachine, Lab

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

# Where machines find them. Nodes find what is in `trust/` at CONTAINERD.
OWN = "/run/labctl/tls"
TRUST = "/run/labctl/trust"
AUTHORITY = f"{TRUST}/ca.crt"
CONTAINERD = "/etc/containerd/certs.d"

_DAYS = 3650  # no session lives so long, and clocks of laptops may be wrong


def servers(lab: Lab) -> list[str]:
    """The machines that have a certificate."""
    return [
        name for name, m in lab.machines.items() if isinstance(m, DockerMachine) and m.certificate
    ]


def trust(place: Place) -> Path | None:
    """The folder that tells whom to trust; None when no machine of the lab has a certificate."""
    return place.folder / "tls" / "trust" if servers(place.lab) else None


def own(place: Place, machine: str) -> Path:
    """The folder with a machine's own certificate and key."""
    return place.folder / "tls" / machine


def make(place: Place) -> None:
    """Make the certificates of a session's machines, unless they are there.

    The authority's key is forgotten at once: nobody can make another certificate.
    """
    folder = trust(place)
    if folder is None or folder.is_dir():
        return
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem = serialization.Encoding.PEM
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate(f"labctl {place.session}", key, None, key)
    for machine in servers(place.lab):
        its_key = ec.generate_private_key(ec.SECP256R1())
        at = own(place, machine)
        shutil.rmtree(at, ignore_errors=True)
        at.mkdir(parents=True, mode=0o700)
        (at / "tls.crt").write_bytes(
            _certificate(machine, its_key, authority, key).public_bytes(pem)
        )
        file = at / "tls.key"
        file.touch(mode=0o600)
        file.write_bytes(
            its_key.private_bytes(
                pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "_default").mkdir(parents=True)
    (part / "ca.crt").write_bytes(authority.public_bytes(pem))
    (part / "_default" / "hosts.toml").write_text(f'ca = "{CONTAINERD}/ca.crt"\n')
    part.rename(folder)


def _certificate(
    name: str,
    key: EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    signer: EllipticCurvePrivateKey,
) -> x509.Certificate:
    """The authority's own certificate, or with `issuer` a server's."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    ours, theirs = key.public_key(), signer.public_key()
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(ours)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ours), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(theirs), critical=False)
    )
    if issuer is not None:
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        made = made.add_extension(names, critical=False).add_extension(usage, critical=False)
    return made.sign(signer, hashes.SHA256())
