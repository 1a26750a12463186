"""Libcloud lists whole. One list serves all pages of a walk through it."""
import threading
import time
import uuid

MAX_AGE = 900
# The number of items of all walks together. The oldest walk is forgotten first; its next page lists again.
MAX_ITEMS = 50_000


class Walks:
    def __init__(self):
        self.lists = {}
        self.lock = threading.Lock()

    def page(self, query, read):
        """Returns a page. `read` lists all as resources. Pages are in the order of the ids, so that a list which is
        read again continues at the same place."""
        walk, _, after = (query.get('token') or '').partition(':')
        items = self.find(walk)
        if items is None:
            items = sorted(read(), key=lambda one: one['id'])
            unique = {one['id']: one for one in items}
            items = list(unique.values())
        start = next((at for at, one in enumerate(items) if one['id'] > after), len(items)) if after else 0
        end = start + min(query['limit'], 500)
        result = {'items': items[start:end], 'next': None, 'total': len(items), 'complete_scan': True}
        if end < len(items):
            walk = walk if self.find(walk) is items else self.keep(items)
            result['next'] = f"{walk}:{items[end - 1]['id']}"
        elif walk:
            with self.lock:
                self.lists.pop(walk, None)
        return result

    def find(self, walk):
        with self.lock:
            known = self.lists.get(walk)
            return known[1] if known is not None and known[0] > time.monotonic() - MAX_AGE else None

    def keep(self, items):
        walk = uuid.uuid4().hex[:12]
        with self.lock:
            self.lists[walk] = (time.monotonic(), items)
            for name, (born, _) in list(self.lists.items()):
                total = sum(len(one) for _, one in self.lists.values())
                if name != walk and (born < time.monotonic() - MAX_AGE or total > MAX_ITEMS):
                    del self.lists[name]
        return walk

    def clear(self):
        with self.lock:
            self.lists.clear()
