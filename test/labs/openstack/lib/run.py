"""Starts an OpenStack entry point without its -common package:

    run.py MODULE:FUNCTION NAME ARGS...
"""
import importlib
import sys

mod, func = sys.argv[1].split(':')
sys.argv = [sys.argv[2]] + sys.argv[3:]
sys.exit(getattr(importlib.import_module(mod), func)())
