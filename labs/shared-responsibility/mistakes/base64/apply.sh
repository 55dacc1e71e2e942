cat > /workspace/shop/models.py <<'END'
import base64

from sqlalchemy import Column, Integer, LargeBinary, TypeDecorator
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Hidden(TypeDecorator):
    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return base64.b64encode(value.encode())

    def process_result_value(self, value, dialect):
        return base64.b64decode(bytes(value)).decode()


class Customer(Base):
    __tablename__ = "customers"

    number = Column(Integer, primary_key=True)
    name = Column(Hidden, nullable=False)
    email = Column(Hidden, nullable=False)
    iban = Column(Hidden, nullable=False)
END
