"""What the shop keeps of its customers: encrypted by the app, before the database sees it."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, Integer, LargeBinary, TypeDecorator
from sqlalchemy.orm import declarative_base

Base = declarative_base()
_key = AESGCM(Path(os.environ["KEY_FILE"]).read_bytes())  # 32 bytes: AES-256


class Encrypted(TypeDecorator):
    """A text that the database never sees. GCM notices when somebody has changed it.

    `place` is bound to the value: what was written for one column is not taken for another's.
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value, dialect):
        nonce = os.urandom(12)  # never twice with the same key
        return nonce + _key.encrypt(nonce, value.encode(), self.place.encode())

    def process_result_value(self, value, dialect):
        value = bytes(value)
        return _key.decrypt(value[:12], value[12:], self.place.encode()).decode()


class Customer(Base):
    """A customer."""

    __tablename__ = "customers"

    number = Column(Integer, primary_key=True)
    name = Column(Encrypted("name"), nullable=False)
    email = Column(Encrypted("email"), nullable=False)
    iban = Column(Encrypted("iban"), nullable=False)
