"""Has dbt run after a sync, and explains keys of the configuration that the function has taken over."""

import json
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request

from fivetran_connector_sdk import Logging as log

# The trigger answers at once: it runs dbt on its own, and GET /runs tells what became of it.
TIMEOUT_SECONDS = 60
# Keys that a connector which reads GitLab itself needs, and where the function has them.
MOVED = {
    "gitlab_token": "the function reads GitLab with its own token: GITLAB_TOKEN, kept in Secret Manager",
    "gitlab_base_url": "the function knows GitLab's address: GITLAB_BASE_URL",
    "sync_interval_hours": "Fivetran's own schedule says how often it asks, SYNC_INTERVAL_HOURS how often the function looks at GitLab",
}


def explain_moved(configuration: dict):
    """Says which keys are not used here any more; a token among them is better taken out."""
    for name, where in MOVED.items():
        value = str(configuration.get(name) or "").strip()
        if value and not value.startswith("<"):
            log.warning(f"{name} is not used here: {where}. Take it out of this configuration")


class Trigger:
    """dbt-trigger, if the configuration names it with `dbt_trigger_url` and `dbt_trigger_auth_token`."""

    def __init__(self, configuration: dict, opener, check_token, check_address):
        url, token = (configuration.get(name) for name in ("dbt_trigger_url", "dbt_trigger_auth_token"))
        given = [bool(text and not text.startswith("<")) for text in (url, token)]
        if any(given) and not all(given):
            raise ValueError("dbt_trigger_url and dbt_trigger_auth_token belong together: set both, or neither")
        self.opener = opener
        self.url = check_address(url, "dbt_trigger_url", "") if all(given) else None
        self.headers = {"Content-Type": "application/json"}
        if self.url:
            self.headers["Authorization"] = f"Bearer {check_token(token, 'dbt_trigger_auth_token')}"

    def run(self, rows: int):
        """Asks for a run. What goes wrong is a warning: the rows are handed over, and the next sync asks again."""
        if self.url is None or rows == 0:
            return
        body = {"source": "fivetran", "action": "run_dbt", "sync_info": {"rows": rows}}
        request = Request(f"{self.url}/?wait=false", json.dumps(body).encode(), self.headers, method="POST")
        try:
            with self.opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                answer = json.loads(response.read() or b"{}")
            log.info(f"Successfully triggered dbt run {answer.get('run_id', '')}".rstrip())
        except HTTPError as error:
            with error:
                hint = {401: ". Is dbt_trigger_auth_token the function's AUTH_TOKEN?", 403: ". Cloud Run refuses the call; Terraform's public_trigger lets it through"}
                log.warning(f"dbt was not run: dbt-trigger answered {error.code}{hint.get(error.code, '')}")
        except (OSError, ValueError, HTTPException) as error:
            log.warning(f"dbt was not run: dbt-trigger can't be reached ({error})")
