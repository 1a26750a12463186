"""Calls a driver of Libcloud itself: the baseline for the driver process. Each line of stdin is one call.

    bare.py PROVIDER ARGUMENTS     ARGUMENTS are those of the constructor, in JSON
"""
import json
import sys
import time

from libcloud.compute.providers import get_driver

driver = get_driver(sys.argv[1])(**json.loads(sys.argv[2]))
for line in sys.stdin:
    started = time.perf_counter()
    nodes = list(driver.list_nodes())
    print(json.dumps({'ms': (time.perf_counter() - started) * 1000, 'nodes': len(nodes)}), flush=True)
