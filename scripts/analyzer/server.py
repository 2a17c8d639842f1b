"""A BigQuery without data: answers as much of BigQuery's REST API as dbt needs, and checks every statement with Google's
analyzer instead of running it. Queries are evaluated by Google's reference implementation, with every table empty."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from catalog import Relation, rest_field, rest_type
from checker import Checker, Outcome
from engine import SqlError

ANONYMOUS = "_results"


@dataclass
class Failure:
    """A statement that was refused."""

    sql: str
    message: str


class Warehouse:
    """What all requests share."""

    def __init__(self, checker: Checker):
        self.checker = checker
        self.lock = threading.Lock()
        self.jobs: dict[str, tuple[str, Outcome]] = {}
        self.failures: list[Failure] = []

    def query(self, job_id: str, sql: str) -> Outcome:
        with self.lock:
            try:
                outcome = self.checker.run(sql)
            except SqlError as error:
                self.failures.append(Failure(sql, str(error)))
                raise
            self.jobs[job_id] = (sql, outcome)
            return outcome


class Refused(Exception):
    def __init__(self, status: int, reason: str, message: str):
        super().__init__(message)
        self.status, self.reason = status, reason


def serve(warehouse: Warehouse, port: int = 0) -> ThreadingHTTPServer:
    """Starts answering on that port of the loopback address, or on a free one; `server_address` says which."""
    handler = type("Bound", (Handler,), {"warehouse": warehouse})
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Handler(BaseHTTPRequestHandler):
    warehouse: Warehouse
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer("GET")

    def do_POST(self):
        self._answer("POST")

    def do_DELETE(self):
        self._answer("DELETE")

    def do_PATCH(self):
        self._answer("PATCH")

    def log_message(self, *_):
        pass

    def _answer(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path).removeprefix("/bigquery/v2")
        try:
            status, answer = 200, self._route(method, path, json.loads(body or b"{}"))
        except Refused as refused:
            details = {"reason": refused.reason, "message": str(refused), "domain": "global"}
            status, answer = refused.status, {"error": {"code": refused.status, "message": str(refused), "errors": [details]}}
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _route(self, method: str, path: str, body: dict) -> dict:
        for pattern, methods in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method in methods:
                return methods[method](self, body, **found.groupdict())
        raise Refused(501, "notImplemented", f"the checker does not answer {method} {path}")

    def list_datasets(self, _body, project):
        return {"datasets": [{"datasetReference": reference(project, name), "id": f"{project}:{name}"} for name in self.datasets]}

    def create_dataset(self, body, project):
        name = body["datasetReference"]["datasetId"]
        self.datasets.setdefault(name, {})
        return {"datasetReference": reference(project, name)}

    def get_dataset(self, _body, project, dataset):
        if dataset not in self.datasets:
            raise Refused(404, "notFound", f"Not found: Dataset {project}:{dataset}")
        return {"datasetReference": reference(project, dataset), "location": "US"}

    def list_tables(self, _body, project, dataset):
        relations = self.datasets.get(dataset, {}).items()
        return {"tables": [{"tableReference": reference(project, dataset, name), "type": relation.kind} for name, relation in relations]}

    def list_routines(self, _body, project, dataset):
        """dbt 1.12 looks for functions of its own in each dataset; there are none."""
        return {}

    def get_table(self, _body, project, dataset, table):
        if dataset == ANONYMOUS:
            outcome = self.warehouse.jobs[table][1]
            return {"tableReference": reference(project, dataset, table), "type": "TABLE", "schema": {"fields": outcome.fields},
                    "numRows": str(len(outcome.rows)), "numBytes": "0"}
        relation = self.datasets.get(dataset, {}).get(table)
        if relation is None:
            raise Refused(404, "notFound", f"Not found: Table {project}:{dataset}.{table}")
        fields = [rest_field(name, kind) for name, kind in relation.columns.items()]
        return {"tableReference": reference(project, dataset, table), "type": relation.kind, "schema": {"fields": fields},
                "numRows": "0", "numBytes": "0"}

    def create_table(self, body, project, dataset):
        """Not BigQuery's business here: this is how the checker learns which tables exist."""
        fields = {field["name"]: rest_type(field) for field in body["schema"]["fields"]}
        table = body["tableReference"]["tableId"]
        self.warehouse.checker.catalog.put(f"{dataset}.{table}", Relation(fields))
        return {"tableReference": reference(project, dataset, table)}

    def delete_table(self, _body, project, dataset, table):
        if not self.warehouse.checker.catalog.drop(f"{dataset}.{table}"):
            raise Refused(404, "notFound", f"Not found: Table {project}:{dataset}.{table}")
        return {}

    def insert_job(self, body, project):
        job_id = body["jobReference"]["jobId"]
        try:
            self.warehouse.query(job_id, body["configuration"]["query"]["query"])
        except SqlError as error:
            raise Refused(400, "invalidQuery", str(error)) from error
        return self.get_job({}, project, job_id)

    def get_job(self, _body, project, job):
        sql, outcome = self.warehouse.jobs[job]
        target = reference(project, ANONYMOUS, job)
        return {
            "id": f"{project}:US.{job}", "jobReference": {"projectId": project, "jobId": job, "location": "US"},
            "status": {"state": "DONE"},
            "configuration": {"jobType": "QUERY", "query": {"query": sql, "useLegacySql": False, "destinationTable": target}},
            "statistics": {"totalBytesProcessed": "0", "query": {"statementType": outcome.kind, "totalBytesProcessed": "0"}},
        }

    def get_results(self, _body, project, job):
        outcome = self.warehouse.jobs[job][1]
        return {"jobReference": {"projectId": project, "jobId": job, "location": "US"}, "jobComplete": True,
                "schema": {"fields": outcome.fields}, "rows": outcome.rows, "totalRows": str(len(outcome.rows))}

    def list_rows(self, _body, project, dataset, table):
        return {"rows": self.warehouse.jobs[table][1].rows} if dataset == ANONYMOUS else {"rows": []}

    @property
    def datasets(self):
        return self.warehouse.checker.catalog.datasets


def reference(project: str, dataset: str, table: str | None = None) -> dict:
    return {"projectId": project, "datasetId": dataset} | ({"tableId": table} if table else {})


PROJECT = r"/projects/(?P<project>[^/]+)"
DATASET = PROJECT + r"/datasets/(?P<dataset>[^/]+)"
TABLE = DATASET + r"/tables/(?P<table>[^/]+)"
ROUTES = [
    (PROJECT + "/datasets", {"GET": Handler.list_datasets, "POST": Handler.create_dataset}),
    (DATASET, {"GET": Handler.get_dataset}),
    (DATASET + "/tables", {"GET": Handler.list_tables, "POST": Handler.create_table}),
    (DATASET + "/routines", {"GET": Handler.list_routines}),
    (TABLE, {"GET": Handler.get_table, "DELETE": Handler.delete_table}),
    (TABLE + "/data", {"GET": Handler.list_rows}),
    (PROJECT + "/jobs", {"POST": Handler.insert_job}),
    (PROJECT + r"/jobs/(?P<job>[^/]+)", {"GET": Handler.get_job}),
    (PROJECT + r"/queries/(?P<job>[^/]+)", {"GET": Handler.get_results}),
]
