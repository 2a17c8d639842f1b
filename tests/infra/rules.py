"""Rules about a state, apart from the tests, so that a test can plant a mistake and see the rule notice."""
import re

from terraform import environment_of

# ID_TOKEN_… says whose tokens are taken, and holds none.
SECRET = re.compile(r"(^|_)(?<!^ID_)(TOKEN|SECRET|PASSWORD)S?(_|$)")
# GitLab's and Google's forms, and long random ones.
LIKE_A_SECRET = re.compile(r"glpat-|AIza|ya29\.|PRIVATE KEY|[0-9a-fA-F]{32}|[A-Za-z0-9+/]{40}")
EVERYBODY = {"allUsers", "allAuthenticatedUsers"}


def public_services(state):
    """Names of services that everybody may call."""
    members = state.of("google_cloud_run_v2_service_iam_member").values()
    unchecked = {name for (name, _), service in state.services().items() if service["invoker_iam_disabled"]}
    return unchecked | {member["name"] for member in members if member["member"] in EVERYBODY}


def project_roles(state):
    """Roles that somebody has in the whole project."""
    return {member["role"] for member in state.of("google_project_iam_member").values()}


def secrets_in_plain_text(state):
    """Variables of services that are named like a secret and have their value in the state."""
    found = set()
    for (name, _), service in state.services().items():
        plain, _ = environment_of(service)
        found |= {f"{name}: {variable}" for variable in plain if SECRET.search(variable)}
    for address, version in state.of("google_secret_manager_secret_version").items():
        if version["secret_data"]:
            found.add(address)
    return found


def defaults_of_variables(text):
    """Defaults in a text of Terraform's language, by variable; only those that stand in one line."""
    bodies = re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.S | re.M)
    return {name: found[1] for name, body in bodies if (found := re.search(r"^  default\s*=\s*(.+)$", body, re.M))}


def secrets_in_defaults(text):
    """Variables whose default is a text and that are named like a secret, or whose default looks like one."""
    return {
        name
        for name, default in defaults_of_variables(text).items()
        if (SECRET.search(name.upper()) and '"' in default) or LIKE_A_SECRET.search(default)
    }


def crowded(state):
    """Services of dbt whose worker is started anew only when the instance is out of memory."""
    problems = []
    for (name, _), service in state.services().items():
        plain, _ = environment_of(service)
        template = service["template"][0]
        mib = lambda text: int(text.removesuffix("Mi"))  # noqa: E731
        if "DBT_TIMEOUT_SECONDS" in plain:
            room = mib(template["containers"][0]["resources"][0]["limits"]["memory"]) - mib(template["volumes"][0]["empty_dir"][0]["size_limit"])
            # Without the variable, the function's own limit holds.
            worker = int(plain.get("DBT_WORKER_MEMORY_MIB", 1024))
            # 200 MiB for the function, and for what a run takes beside the worker.
            if worker + 200 > room:
                problems.append(f"{name}: dbt's worker may hold {worker} MiB of {room}")
    return problems


def unmatched(known, told, documented):
    """Variables of a function that are set and not read, documented and not read, or read and neither."""
    return {
        "set, but the function does not read it": told - known,
        "documented, but the function does not read it": documented - known,
        "neither set nor documented in docs/deploy.md": known - told - documented,
    }


def late(state):
    """What would be cut off: each service or job that waits for less than what it waits for may take."""
    problems = []
    services = state.services()
    jobs = state.of("google_cloud_scheduler_job").values()
    seconds = lambda text: int(text.removesuffix("s"))  # noqa: E731
    for (name, place), service in services.items():
        plain, _ = environment_of(service)
        limit = seconds(service["template"][0]["timeout"])
        if "SYNC_DEADLINE_SECONDS" in plain:
            needed = int(plain["SYNC_DEADLINE_SECONDS"]) + int(plain["DBT_TRIGGER_TIMEOUT_SECONDS"])
            if limit < needed:
                problems.append(f"{name}: Cloud Run ends a request after {limit} s, a sync with dbt may take {needed} s")
            for job in jobs:
                if job["region"] == place and job["http_target"][0]["uri"].startswith(service["uri"]):
                    wait = seconds(job["attempt_deadline"])
                    if wait < needed:
                        problems.append(f"{job['name']} hangs up after {wait} s, a sync with dbt may take {needed} s")
                    if wait > 1800:
                        problems.append(f"{job['name']}: Cloud Scheduler waits for 1800 s at most, not {wait} s")
        else:
            run = int(plain["DBT_TIMEOUT_SECONDS"])
            # The run that goes on, and then one's own.
            if limit < 2 * run:
                problems.append(f"{name}: Cloud Run ends a request after {limit} s, a caller may wait {2 * run} s")
    return problems
