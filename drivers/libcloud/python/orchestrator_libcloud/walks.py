"""Libcloud lists whole. One list serves all pages of a walk through it."""
import bisect
import itertools
import threading
import time
import uuid

from .encoding import Page, encode_item

MAX_AGE = 900
# The number of items of all walks together. The oldest walk is forgotten first; its next page lists again.
MAX_ITEMS = 50_000
MAX_PAGE = 1000
# The number of characters of a page. The server handles a page in one go, which keeps its event loop busy.
MAX_LENGTH = 1_000_000


def encode_all(items):
    """Returns the ids in order, and the resources as JSON."""
    unique = {one['id']: one for one in items}
    ids = sorted(unique)
    return ids, [encode_item(unique[id]) for id in ids]


def fitting(texts):
    """Returns how many of these texts fit in one page; at least one."""
    lengths = itertools.accumulate(map(len, texts))
    return max(1, sum(1 for one in lengths if one <= MAX_LENGTH))


class Walks:
    def __init__(self):
        self.lists = {}
        self.lock = threading.Lock()

    def page(self, query, read):
        """Returns a page. `read` lists all as resources. Pages are in the order of the ids, so that a list which is
        read again continues at the same place."""
        walk, _, after = (query.get('token') or '').partition(':')
        ids, texts = self.find(walk) or encode_all(read())
        start = bisect.bisect_right(ids, after) if after else 0
        end = start + fitting(texts[start:start + min(query['limit'], MAX_PAGE)])
        following = None
        if end < len(ids):
            walk = walk if self.find(walk) is not None else self.keep((ids, texts))
            following = f'{walk}:{ids[end - 1]}'
        elif walk:
            with self.lock:
                self.lists.pop(walk, None)
        return Page(texts[start:end], next=following, total=len(ids), complete_scan=True)

    def find(self, walk):
        with self.lock:
            known = self.lists.get(walk)
            return known[1] if known is not None and known[0] > time.monotonic() - MAX_AGE else None

    def keep(self, items):
        walk = uuid.uuid4().hex[:12]
        with self.lock:
            self.lists[walk] = (time.monotonic(), items)
            for name, (born, _) in list(self.lists.items()):
                total = sum(len(ids) for _, (ids, _) in self.lists.values())
                if name != walk and (born < time.monotonic() - MAX_AGE or total > MAX_ITEMS):
                    del self.lists[name]
        return walk

    def clear(self):
        with self.lock:
            self.lists.clear()
