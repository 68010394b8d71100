"""Requests to the status page, by a client of Python's own."""

import http.client

from lab import inside

PORT = 8080
US = "172.17.0.2"


def request(path="/", namespace="lan1", method="GET", host=None, source=None, headers=None, address=US, body=None):
    """(status, headers by their names in lower case, body)."""
    connection = http.client.HTTPConnection(address, PORT, timeout=15, source_address=source and (source, 0))
    with inside(namespace):
        connection.connect()
    try:
        connection.request(method, path, headers={**({"Host": host} if host else {}), **(headers or {})}, body=body)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()
