"""The shop's parcels: prints what goes onto a box. gunicorn serves it."""

from urllib.parse import parse_qs

from mako.template import Template

label = Template("To: ${to}")


def application(environ, start_response):
    """Answer with the label."""
    (to,) = parse_qs(environ["QUERY_STRING"]).get("to", ["nobody"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [label.render(to=to).encode()]
