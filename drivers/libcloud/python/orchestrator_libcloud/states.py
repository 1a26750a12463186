"""The state of a node: by the provider's own status, if it is known, otherwise by Libcloud's."""
import sys

from libcloud.compute.types import NodeState

from . import facts


class Status(str):
    """A state of Libcloud that remembers the status of the provider that it was made of."""
    raw = None


def _trace(value, raw):
    status = Status(getattr(value, 'value', value))
    # The tables of Dimension Data have tuples: the state of the server, whether it is started, and the action.
    status.raw = str(raw[0] if isinstance(raw, tuple) and raw else raw)
    return status


class TracedMap(dict):
    """A table of a driver, status → NodeState. Its values remember the status."""

    def __getitem__(self, key):
        return _trace(super().__getitem__(key), key)

    def get(self, key, default=None):
        value = super().get(key, default)
        return value if value is None else _trace(value, key)


def _is_table(value):
    return type(value) is dict and value and all(isinstance(one, NodeState) for one in value.values())


def trace_tables(cls):
    """Replaces the tables of states of a driver, in its classes and modules, because drivers drop the status."""
    for one in cls.__mro__:
        places = [one, sys.modules.get(one.__module__)] if one.__module__.startswith('libcloud.') else []
        for place in places:
            for name, value in list(vars(place).items()) if place is not None else []:
                if _is_table(value):
                    setattr(place, name, TracedMap(value))


def provider_status(node):
    """Returns the provider's own status; None if the driver does not keep it."""
    if isinstance(node.state, Status) and node.state.raw is not None:
        return node.state.raw
    extra = node.extra if isinstance(node.extra, dict) else {}
    for name in ('status', 'state', 'instance_status'):
        if isinstance(extra.get(name), str) and extra[name]:
            return extra[name]
    return None


def state_of(node, provider):
    """Returns the state of a node and the provider's own status."""
    extra = node.extra if isinstance(node.extra, dict) else {}
    raw = provider_status(node)
    known = str(getattr(node.state, 'value', node.state)).lower()
    state = facts.STATES.get(provider, {}).get(raw) or facts.OVERRIDES.get(provider, {}).get(known) or \
        facts.LIBCLOUD_STATES.get(known, 'unknown')
    if provider == 'vultr' and state == 'running' and extra.get('power_status') == 'stopped':
        state = 'stopped'
    if provider == 'onapp':
        # Its status is how far the machine was built. Whether it runs is a flag of its own.
        raw = raw or known
        state = 'error' if raw == 'failed' else 'pending' if not extra.get('built', True) else \
            'suspended' if extra.get('suspended') else 'running' if extra.get('booted') else 'stopped'
    return state, raw if raw is not None else known
