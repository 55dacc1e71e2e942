"""The shop's next service: takes orders, and signs them."""

import ecdsa
import waitress

key = ecdsa.SigningKey.generate()


def application(environ, start_response):
    """Answer with the signature of an order."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [key.sign(environ["QUERY_STRING"].encode()).hex().encode()]


if __name__ == "__main__":
    waitress.serve(application, port=8080)
