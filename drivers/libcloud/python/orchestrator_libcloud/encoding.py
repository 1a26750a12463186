"""Results as JSON. A page of a walk is kept as JSON, so that it is written only once and takes less memory."""
import json

_encoder = json.JSONEncoder(ensure_ascii=False, default=str)


class Page:
    """A page of a list: the texts of its items in JSON, and the other members of the result."""

    def __init__(self, items, **others):
        self.items = items
        self.others = others


def encode_item(value):
    return _encoder.encode(value)


def encode(message):
    """Returns a message as JSON."""
    page = message.get('result')
    if not isinstance(page, Page):
        return _encoder.encode(message)
    head = _encoder.encode({**message, 'result': page.others})
    return f'{head[:-2]}, "items": [{", ".join(page.items)}]}}}}'
