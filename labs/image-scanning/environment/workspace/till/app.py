"""The shop's till: asks the bank, in HTTP that it reads itself."""

import h11
import httpx
import idna


def paid(bank: str, amount: int) -> bool:
    """Whether the bank says that this was paid."""
    host = idna.encode(bank).decode()
    return httpx.get(f"https://{host}/paid", params={"amount": amount}).is_success


def line() -> h11.Connection:
    """A connection to whoever pays here."""
    return h11.Connection(our_role=h11.SERVER)
