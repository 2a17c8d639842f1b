"""What exists in the stand-in's Google Cloud, and what its APIs refuse.

One JSON file, which the variable STAND_IN_CLOUD names, outlives the provider's processes as Google Cloud does. Time is
counted in calls: each change of a resource is one. What the file may hold beside that:
- "delays": {"iam": N, "metrics": N}: how many calls pass before a role counts, and before an alert may name a metric;
- "images": [reference, …]: what the registries hold; without it every image is there;
- "values": [secret, …]: which secrets have a value; without it all have.
"""
import copy
import fcntl
import json
import os
import re
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

# Names that Google lets exist once; what is not listed gets its name from Google, or is a member of a policy.
NAMED = {
    "google_artifact_registry_repository", "google_bigquery_dataset", "google_cloud_run_v2_service", "google_cloud_scheduler_job",
    "google_logging_metric", "google_logging_project_sink", "google_pubsub_subscription", "google_pubsub_topic",
    "google_secret_manager_secret", "google_service_account", "google_storage_bucket",
}
SERVER_NAMED = {
    "google_billing_budget", "google_monitoring_alert_policy", "google_monitoring_dashboard",
    "google_monitoring_notification_channel", "google_monitoring_uptime_check_config",
}


class Refused(Exception):
    """What an API says when it does not do what it was asked; `made` tells whether the resource exists all the same."""

    def __init__(self, message, made=False):
        super().__init__(message)
        self.made = made


class Cloud:
    def __init__(self, path=None):
        self.path = Path(path or os.environ.get("STAND_IN_CLOUD") or tempfile.mkstemp(suffix=".json")[1])
        self.version, self.content, self.parsing = None, {}, threading.Lock()

    @contextmanager
    def world(self):
        """The file's content, to look at and to change, while nobody else does."""
        with open(self.path, "a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            world = {"clock": 0, "objects": {}, "delays": {}} | self.content_of(file)
            try:
                yield world
            finally:
                # What is refused may have left something. `json.dump` would encode in Python, ten times more slowly.
                file.seek(0)
                file.truncate()
                file.write(json.dumps(world))
                file.flush()
                self.version, self.content = version(file), world

    @contextmanager
    def objects(self):
        """What exists, to look at."""
        with open(self.path, "a+") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield self.content_of(file).get("objects", {})

    def content_of(self, file):
        """Parsed again only when somebody else has changed it."""
        with self.parsing:
            if (now := version(file)) != self.version:
                file.seek(0)
                self.version, self.content = now, json.loads(file.read() or "{}")
            return self.content

    def next_number(self):
        with self.world() as world:
            world["number"] = world.get("number", 0) + 1
            return world["number"]

    def read(self, kind, identity):
        with self.objects() as objects:
            return copy.deepcopy(objects.get(f"{kind}|{identity}", {}).get("values"))

    def find(self, kind, identity):
        """What an import by this id finds: the last part of an id is enough."""
        with self.objects() as objects:
            for key, found in objects.items():
                if key.startswith(kind + "|") and key.rpartition("/")[2] == identity.rpartition("/")[2]:
                    return copy.deepcopy(found["values"])
        return None

    def create(self, kind, values):
        with self.world() as world:
            world["clock"] += 1
            key = f"{kind}|{values['id']}"
            if kind in NAMED and key in world["objects"]:
                raise Refused(f"Error creating {kind}: googleapi: Error 409: Already Exists: {values['id']}")
            try:
                self.check(world, kind, values)
            except Refused as refusal:
                if refusal.made:
                    world["objects"][key] = {"made": world["clock"], "values": kept(kind, values)}
                raise
            world["objects"].setdefault(key, {"made": world["clock"]})["values"] = kept(kind, values)

    def update(self, kind, values):
        with self.world() as world:
            world["clock"] += 1
            self.check(world, kind, values)
            world["objects"].setdefault(f"{kind}|{values['id']}", {"made": world["clock"]})["values"] = kept(kind, values)

    def delete(self, kind, values):
        with self.world() as world:
            world["clock"] += 1
            policies = of(world, "google_monitoring_alert_policy")
            if kind == "google_monitoring_uptime_check_config":
                if any(values["uptime_check_id"] in json.dumps(policy) for policy in policies):
                    raise Refused("googleapi: Error 400: Cannot delete check: it is referenced by alert policies; please ensure all associated Alert Policies are deleted")
            if kind == "google_monitoring_notification_channel":
                using = [policy for policy in policies if values["id"] in (policy["notification_channels"] or [])]
                if using and not values["force_delete"]:
                    raise Refused(f"googleapi: Error 400: Cannot delete notification channel {values['id']} because it is still being referenced by alertPolicies")
                for policy in using:
                    policy["notification_channels"].remove(values["id"])
            world["objects"].pop(f"{kind}|{values['id']}", None)

    def check(self, world, kind, values):
        """Refuses what Google would refuse although its form is right."""
        if kind == "google_monitoring_alert_policy":
            for metric in re.findall(r'logging\.googleapis\.com/user/([\w/-]+)', json.dumps(values)):
                if not old_enough(world, f"google_logging_metric|projects/{values['project']}/{metric}", "metrics"):
                    raise Refused(
                        f'Error creating AlertPolicy: googleapi: Error 404: Cannot find metric(s) that match type = "logging.googleapis.com/user/{metric}". '
                        "If a metric was created recently, it could take up to 10 minutes to become available. Please try again soon."
                    )
        if kind == "google_cloud_run_v2_service":
            self.check_service(world, values)

    def check_service(self, world, values):
        container, account = values["template"][0]["containers"][0], values["template"][0]["service_account"]
        if "images" in world and container["image"] not in world["images"]:
            raise Refused(f"Error waiting to create Service: Image '{container['image']}' not found.", made=True)
        for variable in container["env"]:
            if not (variable["value"] or "").startswith("sm://"):
                continue
            secret = variable["value"].rpartition("/")[2]
            role = f"google_secret_manager_secret_iam_member|{values['project']}/projects/{values['project']}/{secret}/roles/secretmanager.secretAccessor/serviceAccount:{account}"
            readable = old_enough(world, role, "iam")
            if not readable or secret not in world.get("values", [secret]):
                raise Refused(
                    "Error waiting to create Service: The user-provided container failed to start and listen on the port defined provided by the "
                    f"PORT=8080 environment variable within the allocated timeout. {variable['name']}: {'no value' if readable else 'permission denied'}",
                    made=True,
                )


def version(file):
    status = os.fstat(file.fileno())
    return status.st_ino, status.st_mtime_ns, status.st_size


def old_enough(world, key, what):
    found = world["objects"].get(key)
    return found is not None and world["clock"] - found["made"] >= world["delays"].get(what, 0)


def of(world, kind):
    return [found["values"] for key, found in world["objects"].items() if key.startswith(kind + "|")]


def kept(kind, values):
    """What the API gives back of what it was given."""
    if kind != "google_monitoring_dashboard":
        return values
    return values | {"dashboard_json": json.dumps(without_zeros(json.loads(values["dashboard_json"])))}


def without_zeros(value):
    """Positions of zero are left out, as every field of a default value in Google's JSON."""
    if isinstance(value, list):
        return [without_zeros(item) for item in value]
    if isinstance(value, dict):
        return {key: without_zeros(item) for key, item in value.items() if not (key in ("xPos", "yPos") and item == 0)}
    return value


def same_dashboard(old, new):
    """Whether the provider takes two texts for one: it drops what only the old one has, and nothing else."""
    return trimmed(json.loads(old), json.loads(new)) == json.loads(new)


def trimmed(old, new):
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: trimmed(value, new[key]) for key, value in old.items() if key in new}
    if isinstance(old, list) and isinstance(new, list) and len(old) <= len(new):
        return [trimmed(a, b) for a, b in zip(old, new)]
    return old
