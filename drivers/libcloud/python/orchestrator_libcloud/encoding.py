"""Results as JSON. A page of a walk is kept as JSON, so that it is written only once and takes less memory."""
import json

_encoder = json.JSONEncoder(ensure_ascii=False, default=str)


def _make_item_encoder():
    """Returns a function that encodes a value. JSONEncoder.encode makes an encoder of C for each value, which takes as
    long as the encoding of a node; this one is made once."""
    make = json.encoder.c_make_encoder
    if make is None:  # a Python without the extension in C
        return _encoder.encode
    chunks = make(None, str, json.encoder.encode_basestring, None, ': ', ', ', False, False, True)
    return lambda value: ''.join(chunks(value, 0))


encode_item = _make_item_encoder()


class Page:
    """A page of a list: the texts of its items in JSON, and the other members of the result."""

    def __init__(self, items, **others):
        self.items = items
        self.others = others


def encode(message):
    """Returns a message as JSON."""
    page = message.get('result')
    if not isinstance(page, Page):
        return _encoder.encode(message)
    head = _encoder.encode({**message, 'result': page.others})
    return f'{head[:-2]}, "items": [{", ".join(page.items)}]}}}}'
