"""What keeps the local warehouse from giving the machine away: which requests it takes, and which files its SQL reaches.

It has no accounts, and whatever is no BigQuery SQL reaches DuckDB. Every program on the machine can call it, and so can every
page in a browser, by this machine's address or by a name that leads to it.
"""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path

# Bodies that a page may send to any address without asking first (https://fetch.spec.whatwg.org/#cors-safelisted-request-header).
OF_ANY_PAGE = ("", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded")
# What a browser says of a request that no other site made: its user typed the address, or a page of ours asked.
OF_NO_OTHER_SITE = ("none", "same-origin")
UPLOADS = "/upload/"


class Gate:
    """ASGI middleware that refuses what a page in a browser could send."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            problem = refusal(scope)
            if problem is not None:
                return await refuse(send, problem)
        elif scope["type"] == "websocket":
            # There are none; and a page may open one anywhere.
            return await send({"type": "websocket.close", "code": 1008})
        return await self.app(scope, receive, send)


def refusal(scope) -> str | None:
    """Why a request is refused; None if it is not."""
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").strip())
    hosts = headers.get("host", [])
    if len(hosts) != 1 or not is_loopback(hosts[0]):
        return "it is called by 127.0.0.1, [::1] or localhost, and by no other name"
    if "origin" in headers:
        return "it takes no request of a page in a browser"
    if any(site.lower() not in OF_NO_OTHER_SITE for site in headers.get("sec-fetch-site", [])):
        return "it takes no request of a page in a browser"
    if not has_body(headers):
        return None
    kinds = [kind.partition(";")[0].strip().lower() for kind in headers.get("content-type", [""])]
    if kinds == ["application/json"] or (scope["path"].startswith(UPLOADS) and not any(kind in OF_ANY_PAGE for kind in kinds)):
        return None
    return "it takes JSON, and Content-Type must say so: application/json"


def is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def has_body(headers: dict[str, list[str]]) -> bool:
    return "transfer-encoding" in headers or any(length != "0" for length in headers.get("content-length", []))


async def refuse(send, problem: str) -> None:
    message = f"The local warehouse refuses this request: {problem}."
    error = {"code": 403, "message": message, "status": "PERMISSION_DENIED", "errors": [{"reason": "accessDenied", "message": message}]}
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def keep_to(engine, folders: list[Path]) -> None:
    """From now on SQL reaches no files but the database's own and those below `folders`, and can't change that.

    To be called last: it ends all changes of settings.
    """
    listed = ", ".join("'" + str(folder).replace("'", "''") + "'" for folder in folders)
    engine.execute(f"SET allowed_directories = [{listed}]")
    engine.execute("SET enable_external_access = false")
    engine.execute("SET lock_configuration = true")


def below(folders: list[Path], path: str) -> str:
    """The path of a load or an export, which must lie in one of `folders`: some formats are read past DuckDB."""
    from bqemulator.domain.errors import InvalidQueryError

    if not any(Path(path).resolve().is_relative_to(folder) for folder in folders):
        raise InvalidQueryError(f"the local warehouse reads and writes files only below {folders[0]}: gs://name/file is name/file there")
    return path
