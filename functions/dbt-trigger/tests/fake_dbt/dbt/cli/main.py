"""A dbt that builds nothing: it does what the project's `fake.json` says, the way dbt would.

    {"nodes": [{"id": "model.p.a", "status": "success", "message": "…"}],   results of a build
     "seconds": 0.5,                how long a build takes
     "ignore": ["SIGINT"],          signals that a build does not react to
     "leave": true,                 a build starts a process that it does not wait for
     "crash": "…",                  a build can't run; the exception's text
     "parse_error": "…",            the project can't be parsed
     "parse_seconds": 60,           how long parsing takes
     "deps_error": "…",             packages can't be installed
     "deps_need": "/some/file",     packages can't be installed while this file is missing
     "reads": "/some/file",         a build prints this file as an error
     "sources": [{"id": "source.p.raw.a", "status": "pass"}]}   results of a freshness check

Each command adds a line to the file in FAKE_DBT_CALLS: the command, process ids, the time, the environment.
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
        options.add_argument("command", nargs="+")
        options.add_argument("--project-dir", required=True)
        options.add_argument("--profiles-dir", required=True)
        options.add_argument("--target")
        options.add_argument("--target-path")
        options.add_argument("--threads", type=int)
        options.add_argument("--select", nargs="+")
        options.add_argument("--exclude", nargs="+")
        options.add_argument("--exclude-resource-type", action="append")
        options.add_argument("--full-refresh", action="store_true")
        options.add_argument("--vars")
        options.add_argument("--state")
        options.add_argument("--output")
        options.add_argument("--empty-catalog", action="store_true")
        options.add_argument("--static", action="store_true")
        options = options.parse_args(args)
        options.args = args
        with open(os.path.join(options.project_dir, "fake.json")) as file:
            plan = json.load(file)
        try:
            return getattr(self, "_".join(options.command))(options, plan)
        except (Exception, KeyboardInterrupt) as e:
            log("error", f"Encountered an error:\n{e or type(e).__name__}")
            return Result(False, exception=e)

    def parse(self, options, plan):
        record("parse")
        # Held by the worker, as a large manifest would be.
        dbtRunner.ballast = b"x" * (plan.get("ballast_mib", 0) << 20)
        time.sleep(plan.get("parse_seconds", 0))
        if "parse_error" in plan:
            raise RuntimeError(plan["parse_error"])
        return Result(True, {"parsed": True})

    def deps(self, options, plan):
        record("deps")
        if "deps_error" in plan:
            raise RuntimeError(plan["deps_error"])
        if not os.path.exists(plan.get("deps_need", "/")):
            raise RuntimeError("the package hub is away")
        return Result(True)

    def build(self, options, plan):
        if self.manifest is None:
            self.parse(options, plan)
        for name in plan.get("ignore", []):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
        left = subprocess.Popen(["sleep", "600"]).pid if plan.get("leave") else None
        record(options.command[0], left=left, args=options.args)
        deadline = time.monotonic() + plan.get("seconds", 0)
        while time.monotonic() < deadline:
            time.sleep(0.02)
        if "reads" in plan:
            with open(plan["reads"]) as file:
                raise RuntimeError(file.read())
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
                "failures": node.get("failures"),
                "adapter_response": {"rows_affected": node["rows"]} if "rows" in node else {},
            }
            for node in nodes
        ]
        with open(os.path.join(options.target_path, "run_results.json"), "w") as file:
            json.dump({"metadata": {"dbt_version": __version__}, "results": results}, file)
        self.write_manifest(options, nodes)
        good = {"success", "pass", "warn"}
        return Result(all(node["status"] in good for node in nodes))

    test = build

    def retry(self, options, plan):
        with open(os.path.join(options.state, "run_results.json")) as file:
            failed = {result["unique_id"] for result in json.load(file)["results"] if result["status"] == "error"}
        return self.build(options, {**plan, "nodes": [node for node in plan["nodes"] if node["id"] in failed]})

    def docs_generate(self, options, plan):
        result = self.build(options, plan)
        for name in ("catalog.json", "index.html", "static_index.html" if options.static else "index.html"):
            with open(os.path.join(options.target_path, name), "w") as file:
                file.write("{}" if name.endswith("json") else "<!doctype html><title>dbt docs</title>")
        return result

    def source_freshness(self, options, plan):
        record("source", args=options.args)
        results = [
            {"unique_id": source["id"], "status": source["status"], "max_loaded_at": "2026-01-01T00:00:00Z", "execution_time": 0.01}
            for source in plan["sources"]
        ]
        with open(options.output, "w") as file:
            json.dump({"metadata": {"dbt_version": __version__}, "results": results}, file)
        return Result(all(source["status"] in {"pass", "warn"} for source in plan["sources"]))

    def write_manifest(self, options, nodes):
        manifest = {
            node["id"]: {
                "compiled_path": f"target/compiled/{node['id']}.sql",
                "depends_on": {"nodes": node.get("after", [])},
                "config": {"severity": "ERROR"} if node["id"].startswith("test.") else {},
            }
            for node in nodes
        }
        with open(os.path.join(options.target_path, "manifest.json"), "w") as file:
            json.dump({"metadata": {}, "nodes": manifest}, file)


def record(command, **more):
    call = {
        "command": command,
        "pid": os.getpid(),
        "parent": os.getppid(),
        "at": time.time(),
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
