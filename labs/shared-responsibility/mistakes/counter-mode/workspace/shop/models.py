"""What the shop keeps of its customers: encrypted by the app, before the database sees it."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from sqlalchemy import Column, Integer, LargeBinary, TypeDecorator
from sqlalchemy.orm import declarative_base

Base = declarative_base()
_key = AES(Path(os.environ["KEY_FILE"]).read_bytes())


class Encrypted(TypeDecorator):
    """A text that the database never sees. CTR hides it."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value, dialect):
        nonce = os.urandom(16)
        return nonce + _through(nonce, value.encode())

    def process_result_value(self, value, dialect):
        value = bytes(value)
        return _through(value[:16], value[16:]).decode()


def _through(nonce, data):
    return Cipher(_key, CTR(nonce)).encryptor().update(data)


class Customer(Base):
    """A customer."""

    __tablename__ = "customers"

    number = Column(Integer, primary_key=True)
    name = Column(Encrypted, nullable=False)
    email = Column(Encrypted, nullable=False)
    iban = Column(Encrypted, nullable=False)
