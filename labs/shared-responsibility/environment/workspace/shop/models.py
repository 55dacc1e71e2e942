"""What the shop keeps of its customers."""

from sqlalchemy import Column, Integer, String
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Customer(Base):
    """A customer."""

    __tablename__ = "customers"

    number = Column(Integer, primary_key=True)
    name = Column(String, nullable=False)
    email = Column(String, nullable=False)
    iban = Column(String, nullable=False)
