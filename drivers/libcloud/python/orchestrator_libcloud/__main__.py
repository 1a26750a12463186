"""`python orchestrator_libcloud` answers requests on stdin; `python orchestrator_libcloud providers` prints the table."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    # Libcloud and its drivers may print. Only the bridge writes to the real stdout.
    out = os.fdopen(os.dup(1), 'wb', buffering=0)
    os.dup2(2, 1)
    if sys.argv[1:] == ['providers']:
        from orchestrator_libcloud.introspect import list_providers
        out.write(json.dumps(list_providers()).encode())
        return
    from orchestrator_libcloud.bridge import Bridge
    Bridge(out).run(sys.stdin.buffer)


main()
