"""Hands MergeMind's raw GitLab tables to Fivetran: a connector for Fivetran's Connector SDK.

It holds no logic of its own. The function `gitlab-connector` syncs GitLab and answers with what moved; here its
answers become Fivetran's operations, and its state Fivetran's checkpoints.
"""

import json
import random
import ssl
import time
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from fivetran_connector_sdk import Connector
from fivetran_connector_sdk import Logging as log
from fivetran_connector_sdk import Operations as op

from dbt_trigger import Trigger, explain_moved

# One call syncs GitLab for up to five minutes and then reads what moved.
DEFAULT_TIMEOUT_SECONDS = 900
# Eight attempts wait four minutes altogether, unless the function asks for more.
ATTEMPTS = 8
LONGEST_WAIT_SECONDS = 300
# The function answers some mistakes of its settings with a 5xx: asking again does not mend them.
NOT_WORTH_RETRYING = {"gitlab_unauthorized"}


class Function:
    """The connector's function, as the configuration names it."""

    def __init__(self, configuration: dict):
        self.url = route(required(configuration, "function_url", "the address of the function gitlab-connector"), "function_url", "/fivetran")
        token = header(required(configuration, "auth_token", "AUTH_TOKEN of the function gitlab-connector"), "auth_token")
        self.timeout = seconds(configuration.get("timeout_seconds") or DEFAULT_TIMEOUT_SECONDS)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, state: dict, **more) -> dict:
        """The function's answer; tries again while that may help."""
        for attempt in range(1, ATTEMPTS + 1):
            answer, problem, wait = self.attempt({"state": state, **more})
            if problem is None:
                return answer
            if wait is None or attempt == ATTEMPTS:
                raise RuntimeError(problem)
            wait = min(wait or 2**attempt * random.uniform(0.75, 1.25), LONGEST_WAIT_SECONDS)
            log.warning(f"{problem}; asking again in {wait:.0f} s (attempt {attempt} of {ATTEMPTS})")
            time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def attempt(self, body: dict) -> tuple:
        """One request: the answer or a problem, and the seconds to wait before the next (0: as usual, None: give up)."""
        request = Request(self.url, json.dumps(body).encode(), self.headers, method="POST")
        try:
            with OPENER.open(request, timeout=self.timeout) as response:
                status, headers, text = response.status, response.headers, response.read()
        except HTTPError as error:
            with error:
                status, headers, text = error.code, error.headers, error.read()
        except (OSError, HTTPException) as error:
            return None, *self.unreachable(error)
        answer = json_of(text)
        if status == 200 and {"state", "schema", "hasMore"} <= answer.keys():
            return answer, None, None
        problem = explain(self.url, status, answer)
        passing = status in (409, 429) or status >= 500
        if not passing or answer.get("code") in NOT_WORTH_RETRYING:
            return None, problem, None
        asked = headers.get("retry-after", "")
        return None, problem, float(asked) if asked.isdigit() else 0

    def unreachable(self, error: Exception) -> tuple:
        """A problem, and the seconds to wait before the next attempt."""
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            return f"{self.url} has no valid certificate, so the token is not sent there: {reason.verify_message}", None
        if isinstance(reason, TimeoutError):
            return f"{self.url} did not answer within {self.timeout:.0f} s; timeout_seconds allows more", 0
        return f"{self.url} can't be reached ({reason}): is function_url right, and is the function up?", 0


class NoRedirects(HTTPRedirectHandler):
    """Python would take the token along to wherever a redirect points."""

    def redirect_request(self, *_):
        return None


OPENER = build_opener(NoRedirects)


def required(configuration: dict, name: str, meaning: str) -> str:
    value = str(configuration.get(name) or "").strip()
    if not value or value.startswith("<"):
        raise ValueError(f"{name} is not set: give it {meaning}")
    return value


def header(token: str, name: str) -> str:
    """A token that may be sent; checked here, because Python's own error about such a header would show it."""
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(f"{name} holds characters that no token has, such as a space or a line break")
    return token


def route(address: str, name: str, path: str) -> str:
    """The address of one route of a function, whose path may be given or not."""
    parts = urlsplit(address.strip())
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or parts.scheme not in ("https", "http"):
        raise ValueError(f"{name} must be an address such as https://gitlab-connector-abc.a.run.app, not {address!r}")
    if parts.scheme == "http" and not local:
        raise ValueError(f"{name} must begin with https://, or anybody between could read the token")
    base = parts.path.rstrip("/")
    base = base.removesuffix(path) if path else base
    return f"{parts.scheme}://{parts.netloc}{base}{path}"


def seconds(text) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number <= 3600:
        raise ValueError(f"timeout_seconds must be a number of seconds up to 3600, not {text!r}")
    return number


def json_of(text: bytes) -> dict:
    try:
        answer = json.loads(text)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def explain(url: str, status: int, answer: dict) -> str:
    """What went wrong and what to do about it."""
    ours = bool(answer.get("code") and answer.get("message"))
    if ours:
        hint = f". {answer['hint']}" if answer.get("hint") else ""
        text = f"gitlab-connector answered {status} ({answer['code']}): {answer['message']}{hint}"
    else:
        text = f"{url} answered {status}, and not as gitlab-connector does"
    if ours and status == 401:
        text += ". Set auth_token to the function's AUTH_TOKEN"
    elif not ours and status == 403:
        text += ". Cloud Run refuses the call: allow unauthenticated callers, the function checks the token itself"
    elif status == 404 or not (ours or status == 429 or status >= 500):
        text += ". Is function_url the address of the function gitlab-connector?"
    return text


def schema(configuration: dict) -> list:
    """Tables with their keys and column types, which the function knows."""
    answer = Function(configuration).call({}, setup_test=True, column_types=True)
    return [
        {"table": name, "primary_key": table["primary_key"], "columns": table["columns"]}
        for name, table in answer["schema"].items()
    ]


def update(configuration: dict, state: dict):
    """Hands over what moved since the last checkpoint, answer by answer."""
    explain_moved(configuration)
    function, trigger = Function(configuration), Trigger(configuration, OPENER, header, route)
    more, rows_moved = True, 0
    while more:
        answer = function.call(state)
        # A row stands in an answer once: either as it is now, or as gone.
        for table, rows in answer.get("insert", {}).items():
            rows_moved += len(rows)
            for row in rows:
                op.upsert(table=table, data=row)
        for table, keys in answer.get("delete", {}).items():
            rows_moved += len(keys)
            for key in keys:
                op.delete(table=table, keys=key)
        state, more = answer["state"], answer["hasMore"]
        op.checkpoint(state=state)
    trigger.run(rows_moved)


connector = Connector(update=update, schema=schema)
