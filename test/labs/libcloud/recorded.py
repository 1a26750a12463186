"""The bridge on a driver that answers from the recorded answers which Libcloud's wheel ships for its own tests.

    recorded.py list             prints class → [module, test case] of the test cases whose driver works
    recorded.py MODULE CASE      answers requests, as orchestrator_libcloud does, with the driver of this test case
"""
import contextlib
import importlib
import io
import json
import os
import pkgutil
import shutil
import sys
import unittest
import warnings

warnings.simplefilter('ignore')
out = os.fdopen(os.dup(1), 'wb', buffering=0)
os.dup2(2, 1)
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../../drivers/libcloud/python'))

import libcloud.test  # noqa: E402
import libcloud.test.compute  # noqa: E402
from libcloud.compute.base import NodeDriver  # noqa: E402

folder = os.path.dirname(libcloud.test.__file__)
if not os.path.exists(f'{folder}/secrets.py'):
    shutil.copy(f'{folder}/secrets.py-dist', f'{folder}/secrets.py')


def make_driver(case):
    with contextlib.redirect_stdout(io.StringIO()):
        test = case('setUp')
        case.setUpClass()
        test.setUp()
    driver = getattr(test, 'driver', None)
    if not isinstance(driver, NodeDriver):
        raise TypeError(f'{case} has no driver')
    return driver


def score(driver):
    """The number of lists that work."""
    count = 0
    for name in ('list_nodes', 'list_sizes', 'list_images', 'list_locations', 'list_volumes', 'list_key_pairs'):
        if getattr(type(driver), name) is not getattr(NodeDriver, name):
            with contextlib.suppress(BaseException), contextlib.redirect_stdout(io.StringIO()):
                list(getattr(driver, name)())
                count += 1
    return count


def list_cases():
    best = {}
    for module in pkgutil.iter_modules(libcloud.test.compute.__path__):
        if not module.name.startswith('test_'):
            continue
        try:
            found = vars(importlib.import_module(f'libcloud.test.compute.{module.name}'))
        except BaseException as error:  # unittest.SkipTest is one
            print(module.name, repr(error), file=sys.stderr)
            continue
        for name, case in found.items():
            if not (isinstance(case, type) and issubclass(case, unittest.TestCase) and case.__module__.endswith(module.name)):
                continue
            try:
                driver = make_driver(case)
            except BaseException:  # a base class of test cases, for example
                continue
            key, points = type(driver).__name__, score(driver)
            if key not in best or points > best[key][0]:
                best[key] = (points, module.name, name)
    return {key: [module, name] for key, (_, module, name) in sorted(best.items())}


def main():
    if sys.argv[1] == 'list':
        out.write(json.dumps(list_cases(), indent=2).encode())
        return
    from orchestrator_libcloud.bridge import Bridge
    from orchestrator_libcloud.cloud import Cloud
    module, case = sys.argv[1:]
    driver = make_driver(getattr(importlib.import_module(f'libcloud.test.compute.{module}'), case))
    Bridge(out, lambda params: Cloud(params, driver)).run(sys.stdin.buffer)


main()
