"""Runs the real Terraform on a copy of infra/, with the stand-in for Google's provider."""
import json
import os
import shutil
import subprocess
import sys
import weakref
from pathlib import Path

from state_server import StateServer

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
STAND_IN = ROOT / "tests/infra/stand-in"

IMAGES = {
    region: {"connector": "sha256:" + "1" * 64, "trigger": "sha256:" + "2" * 64} for region in ("europe-west1", "europe-west4")
}
# The least that a person must say; the images are scripts/deploy's.
VARIABLES = {"project_id": "acme-data-123", "images": IMAGES, "gitlab_groups": ["acme"]}
# Everything that can be turned on, turned on.
EVERYTHING = VARIABLES | {
    "region": "europe-west1",
    "second_region": "europe-west4",
    "gitlab_projects": ["partners/shared", "4711"],
    "gitlab_ca": True,
    "connector_environment": {"STREAMS": "recommended"},
    "webhooks": True,
    "public_trigger": True,
    "events": True,
    "runbook_url": "https://git.acme.example/data/mergemind/-/blob/HEAD/docs/runbooks",
    "readers": ["group:analysts@acme.example"],
    "operators": ["user:me@acme.example"],
    "alert_emails": ["data@acme.example"],
    "budget": {"billing_account": "012345-6789AB-CDEF01", "amount": 50},
    "network": {"network": "main", "subnetworks": {"europe-west1": "one", "europe-west4": "two"}},
    "kms_keys": {
        "bigquery": "projects/keys/locations/europe/keyRings/r/cryptoKeys/bq",
        "regional": {
            region: f"projects/keys/locations/{region}/keyRings/r/cryptoKeys/k"
            for region in ("europe-west1", "europe-west4")
        },
    },
}


class Failed(AssertionError):
    """A Terraform command that did not do what was expected; its text is what Terraform said."""


class Workspace:
    """A copy of infra/ in which Terraform may write its lock, its state and its cache."""

    def __init__(self, folder, variables=VARIABLES, resident=True):
        """With `resident` one stand-in serves all commands; without it Terraform finds and starts it as any provider."""
        self.folder = Path(folder)
        self.config = self.folder / "infra"
        shutil.copytree(INFRA, self.config, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "backend.tf", "*.tfvars", "*.auto.tfvars.json", "imports.tf"))
        (self.config / "backend.tf").write_text(StateServer.backend(str(self.folder)))
        self.say(variables)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
        self.environment |= {
            "TF_CLI_CONFIG_FILE": os.devnull if resident else str(self.use_stand_in()),
            "TF_DISABLE_PLUGIN_TLS": "1",
            "STAND_IN_CLOUD": str(self.folder / "cloud.json"),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            # Terraform lives for a second: collecting its garbage is a quarter of its time. Another file's tests run beside it.
            "GOGC": "800",
            "GOMAXPROCS": "1",
        }
        if resident:
            self.environment["TF_REATTACH_PROVIDERS"] = self.start_stand_in()

    def start_stand_in(self):
        """Starts the stand-in, which ends with this object; returns what tells Terraform where it is."""
        process = subprocess.Popen(
            [sys.executable, STAND_IN / "stand_in.py", "--resident"], env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        weakref.finalize(self, end, process)
        address = process.stdout.readline().split("|")[3]
        place = {"Network": "tcp", "String": address}
        return json.dumps({"registry.terraform.io/hashicorp/google": {"Protocol": "grpc", "ProtocolVersion": 6, "Pid": process.pid, "Test": True, "Addr": place}})

    def use_stand_in(self):
        """Makes the stand-in what Terraform finds under the provider's name; returns Terraform's configuration."""
        version = json.loads((STAND_IN / "schema.json").read_text())["version"]
        system = {"linux": "linux", "darwin": "darwin"}[sys.platform]
        machine = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}[os.uname().machine]
        place = self.folder / f"mirror/registry.terraform.io/hashicorp/google/{version}/{system}_{machine}"
        place.mkdir(parents=True)
        program = place / f"terraform-provider-google_v{version}"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN / "stand_in.py"}"\n')
        program.chmod(0o755)
        settings = self.folder / "terraform.rc"
        mirror = json.dumps(str(self.folder / "mirror"))
        settings.write_text(f"provider_installation {{\n  filesystem_mirror {{\n    path = {mirror}\n  }}\n}}\n")
        return settings

    def say(self, variables):
        """Sets the variables of the next commands."""
        (self.config / "said.auto.tfvars.json").write_text(json.dumps(variables))

    def edit(self, name, old, new):
        """Plants a mistake: replaces text in a file of the copy."""
        path = self.config / name
        text = path.read_text()
        if old not in text:
            raise Failed(f"{name} holds no {old!r}")
        path.write_text(text.replace(old, new, 1))

    def undo(self, name):
        """Takes planted mistakes out of a file again."""
        shutil.copy(INFRA / name, self.config / name)

    def cloud(self, **changes):
        """What exists in this workspace's Google Cloud (stand-in/cloud.py), after `changes` to the file's entries."""
        path = self.folder / "cloud.json"
        world = json.loads(path.read_text()) if path.exists() else {}
        if changes:
            path.write_text(json.dumps(world | changes))
        return world | changes

    def run(self, *arguments, expect=0):
        """One command; its output, standard error included."""
        done = subprocess.run(
            ["terraform", f"-chdir={self.config}", *arguments, "-no-color"],
            env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900,
        )
        if done.returncode != expect:
            raise Failed(f"terraform {' '.join(arguments)} ended with {done.returncode}, not {expect}:\n{done.stdout}")
        return done.stdout

    def init(self):
        self.run("init")
        return self

    def plan(self):
        """Plans and returns the plan as Terraform tells it to other programs."""
        self.run("plan", "-out=planned")
        return json.loads(self.run("show", "-json", "planned"))

    def apply(self):
        """Applies the plan."""
        self.run("apply", "planned")
        return State(json.loads(self.run("show", "-json")))


def end(process):
    process.stdin.close()
    process.wait()
    process.stdout.close()


class State:
    """What Terraform made, with all values known."""

    def __init__(self, shown):
        self.outputs = {name: output["value"] for name, output in shown["values"]["outputs"].items()}
        self.resources = {}
        self._read(shown["values"]["root_module"])

    def _read(self, module):
        for resource in module.get("resources", []):
            self.resources[resource["address"]] = resource
        for child in module.get("child_modules", []):
            self._read(child)

    def of(self, kind):
        """Values of all resources of a type, by address."""
        return {a: r["values"] for a, r in self.resources.items() if r["type"] == kind and r["mode"] == "managed"}

    def services(self):
        """Cloud Run services by name and place."""
        return {(s["name"], s["location"]): s for s in self.of("google_cloud_run_v2_service").values()}


def environment_of(service):
    """A service's plain variables, and those whose value the function gets from Secret Manager: the secret's name."""
    plain, secret = {}, {}
    for variable in service["template"][0]["containers"][0]["env"]:
        scheme, _, reference = (variable["value"] or "").partition("://")
        if scheme == "sm":
            secret[variable["name"]] = reference.rpartition("/")[2]
        else:
            plain[variable["name"]] = variable["value"]
    return plain, secret
