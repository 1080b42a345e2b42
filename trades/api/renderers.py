"""Answers to a bulk capture: NDJSON, one item a line; a refusal of the whole stays a problem document."""

from rest_framework.renderers import JSONRenderer


class NdjsonRenderer(JSONRenderer):
    """Lets a client ask for application/x-ndjson."""

    media_type = "application/x-ndjson"
    format = "ndjson"
