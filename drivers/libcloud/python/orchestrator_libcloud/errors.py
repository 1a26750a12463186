"""Errors of Libcloud as problems of the catalog (openapi/model/problem.ts)."""
import re

# Methods that change nothing: an error never leaves their outcome open.
READS = ('list', 'get', 'check', 'find_created', 'console', 'list_nics', 'describe')


class Problem(Exception):
    def __init__(self, code, message, pointer=None, **more):
        super().__init__(message)
        self.data = {'code': code, **{key: value for key, value in more.items() if value is not None}}
        if pointer is not None:
            self.data['errors'] = [{'pointer': pointer, 'message': message}]

    def to_rpc(self):
        return {'code': -32000, 'message': str(self), 'data': self.data}


def invalid(pointer, message):
    return Problem('validation_failed', message, pointer)


def not_found(kind, id):
    return Problem('resource_not_found', f'There is no {kind} with the id "{str(id)[:64]}"')


BY_STATUS = {
    400: 'provider_rejected', 401: 'provider_auth_failed', 402: 'provider_rejected', 403: 'provider_permission_denied',
    404: 'resource_not_found', 405: 'not_supported', 409: 'invalid_state', 412: 'invalid_state', 413: 'provider_quota_exceeded',
    422: 'provider_rejected', 429: 'provider_rate_limited', 501: 'not_supported', 503: 'provider_unavailable',
    504: 'provider_timeout',
}


def status_of(error):
    code = getattr(error, 'code', None) or getattr(error, 'http_code', None)
    if isinstance(code, int) and 400 <= code < 600:
        return code
    # Many drivers raise a bare Exception with the status line of the answer.
    found = re.search(r'(?:^|\b(?:HTTP|status|code)\D{0,12})([45]\d\d)\b', str(error), re.I)
    return int(found.group(1)) if found else None


def to_problem(error, method):
    """Converts an exception of Libcloud, of its driver, or of the network."""
    from libcloud.common.types import InvalidCredsError, MalformedResponseError, ServiceUnavailableError
    from libcloud.compute.types import KeyPairDoesNotExistError
    is_read = method.split('.')[-1] in READS or getattr(error, 'changed_nothing', False)
    name = type(error).__name__
    text = (str(error) or repr(error)).strip()[:500]
    own = {'code': name, 'message': text, 'request_id': None}

    def problem(code, message=text, unknown=False, **more):
        return Problem(code, message, provider_error=own, outcome_unknown=(unknown and not is_read) or None, **more)

    if isinstance(error, InvalidCredsError):
        return problem('provider_auth_failed', f'The cloud refused the credentials: {text}')
    if isinstance(error, KeyPairDoesNotExistError):
        return problem('resource_not_found')
    if isinstance(error, ServiceUnavailableError):
        return problem('provider_unavailable', unknown=True)
    if isinstance(error, NotImplementedError):
        return problem('not_supported', f"Libcloud's driver of this provider cannot do this: {text}", capability=method)
    if isinstance(error, MalformedResponseError):
        return problem('provider_error', f'Libcloud could not parse the answer of the cloud: {text}', unknown=True)
    status = status_of(error)
    if status is not None:
        code = BY_STATUS.get(status, 'provider_rejected' if status < 500 else 'provider_error')
        return problem(code, unknown=status >= 500 and status != 501, retry_after=getattr(error, 'retry_after', None) or None)
    modules = [one.__module__ + '.' + one.__name__ for one in type(error).__mro__]
    if any(one.startswith(('requests.exceptions.ConnectTimeout', 'requests.exceptions.ConnectionError',
                           'builtins.ConnectionRefusedError', 'socket.gaierror', 'builtins.OSError')) for one in modules):
        sent_nothing = any('ConnectTimeout' in one or 'ConnectionRefused' in one or 'gaierror' in one for one in modules) or \
            'NewConnectionError' in text or 'NameResolutionError' in text
        return problem('provider_unavailable', f'The cloud cannot be reached: {text}', unknown=not sent_nothing)
    if any('Timeout' in one for one in modules):
        return problem('provider_timeout', unknown=True)
    return problem('provider_error', f"Libcloud's driver failed: {name}: {text}", unknown=True)
