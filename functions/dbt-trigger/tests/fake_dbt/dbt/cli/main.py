"""A dbt that builds nothing: it does what the project's `fake.json` says, the way dbt would.

    {"nodes": [{"id": "model.p.a", "status": "success", "message": "…"}],   results of a build
     "seconds": 0.5,                how long a build takes
     "ignore": ["SIGINT"],          signals that a build does not react to
     "leave": true,                 a build starts a process that it does not wait for
     "crash": "…",                  a build can't run; the exception's text
     "parse_error": "…",            the project can't be parsed
     "parse_seconds": 60,           how long parsing takes
     "deps_error": "…"}             packages can't be installed

Each command adds a line to the file in FAKE_DBT_CALLS: the command, process ids, the environment.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time

from dbt.version import __version__


class Result:
    def __init__(self, success, result=None, exception=None):
        self.success, self.result, self.exception = success, result, exception


class dbtRunner:
    def __init__(self, manifest=None):
        self.manifest = manifest

    def invoke(self, args):
        options = argparse.ArgumentParser()
        options.add_argument("command")
        options.add_argument("--project-dir", required=True)
        options.add_argument("--profiles-dir", required=True)
        options.add_argument("--target")
        options.add_argument("--target-path")
        options.add_argument("--threads", type=int)
        options = options.parse_args(args)
        with open(os.path.join(options.project_dir, "fake.json")) as file:
            plan = json.load(file)
        try:
            return getattr(self, options.command)(options, plan)
        except (Exception, KeyboardInterrupt) as e:
            log("error", f"Encountered an error:\n{e or type(e).__name__}")
            return Result(False, exception=e)

    def parse(self, options, plan):
        record("parse")
        time.sleep(plan.get("parse_seconds", 0))
        if "parse_error" in plan:
            raise RuntimeError(plan["parse_error"])
        return Result(True, {"parsed": True})

    def deps(self, options, plan):
        record("deps")
        if "deps_error" in plan:
            raise RuntimeError(plan["deps_error"])
        return Result(True)

    def build(self, options, plan):
        if self.manifest is None:
            self.parse(options, plan)
        for name in plan.get("ignore", []):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
        left = subprocess.Popen(["sleep", "600"]).pid if plan.get("leave") else None
        record("build", left=left)
        deadline = time.monotonic() + plan.get("seconds", 0)
        while time.monotonic() < deadline:
            time.sleep(0.02)
        if "crash" in plan:
            raise RuntimeError(plan["crash"])
        nodes = plan["nodes"]
        for node in nodes:
            log("info", f"{node['id']} {node['status']}")
        results = [
            {
                "unique_id": node["id"],
                "status": node["status"],
                "execution_time": 0.01,
                "message": node.get("message"),
                "adapter_response": {"rows_affected": node["rows"]} if "rows" in node else {},
            }
            for node in nodes
        ]
        with open(os.path.join(options.target_path, "run_results.json"), "w") as file:
            json.dump({"metadata": {"dbt_version": __version__}, "results": results}, file)
        good = {"success", "pass", "warn"}
        return Result(all(node["status"] in good for node in nodes))


def record(command, **more):
    call = {
        "command": command,
        "pid": os.getpid(),
        "parent": os.getppid(),
        "environment": dict(os.environ),
        **more,
    }
    with open(os.environ["FAKE_DBT_CALLS"], "a") as file:
        file.write(json.dumps(call) + "\n")


def log(level, message):
    print(json.dumps({"info": {"level": level, "msg": message}, "data": {}}), flush=True)


def cli():
    result = dbtRunner().invoke(sys.argv[1:])
    sys.exit(0 if result.success else 1 if result.exception is None else 2)


if __name__ == "__main__":
    cli()
