#!/usr/bin/python3
"""Brings rows that are there already into the form that models.py has now."""

import os
import sys

sys.path.insert(0, "/workspace/shop")
from models import Base, Customer
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

engine = create_engine(os.environ["DATABASE_URL"])
with engine.begin() as connection:
    rows = connection.execute(
        text("SELECT number, name, email, iban FROM customers ORDER BY number")
    ).all()
    connection.execute(text("ALTER TABLE customers RENAME TO customers_plain"))
    connection.execute(
        text("ALTER TABLE customers_plain RENAME CONSTRAINT customers_pkey TO plain_pkey")
    )
    Base.metadata.create_all(connection)
    with Session(connection) as session:
        session.add_all(Customer(number=n, name=a, email=e, iban=i) for n, a, e, i in rows)
        session.commit()
with engine.begin() as connection:
    counter = "pg_get_serial_sequence('customers', 'number')"
    connection.execute(text(f"SELECT setval({counter}, max(number)) FROM customers"))
    connection.execute(text("DROP TABLE customers_plain"))
# A file that was dropped is really gone at the next checkpoint.
with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
    connection.execute(text("CHECKPOINT"))
