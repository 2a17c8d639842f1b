"""Starts the local warehouse: bqemulator with the changes that this project needs.

Why not `bqemulator start` itself:

* it loads DuckDB's `spatial` extension at start and downloads it; nothing here uses GEOGRAPHY, and the warehouse
  must start without the internet;
* it copies a whole table after every write to it, for time travel: eight merges into a million rows take 17.5 s
  instead of 0.55 s;
* it sets no memory limit, so DuckDB takes 80 % of the machine;
* it answers a taken port or data folder with a traceback;
* it cannot make a table with listed columns from a query in parentheses, which is how dbt makes a table with a contract;
* it cannot delete a view through `tables.delete`, and answers 500, which Google's client repeats for ten minutes: dbt does
  that when a model turns from a view into a table;
* it parses each statement anew for each of its rules, which takes half of a dbt build's time;
* copying what was parsed and parsing it once more to see whether it is a CREATE or a DROP take half of what is left;
* it loses the labels of a view that is made by a statement (labels.py);
* it takes requests of any page in a browser, and lets SQL, loads and exports read and write any file (guard.py).

These changes touch private names, hence the check of the exact version.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import re
import signal
import socket
import sys
import threading
import time
from collections import OrderedDict
from importlib import metadata
from pathlib import Path

import guard
import labels

SUPPORTED_VERSION = "1.4.0"
LOOPBACK = "127.0.0.1"  # The emulator has no authentication: it must not be reachable from outside. guard.py has the rest.

# Characters of the shortest statement that is kept parsed, and how many are kept: those under way and what they turn into.
WORTH_KEEPING = 100
KEPT_STATEMENTS = 64
POSITION = {"line", "col", "start", "end"}


class StartError(Exception):
    """A start that failed for a reason the person at the keyboard can remove."""


def main() -> int:
    options = parse_arguments()
    try:
        check_version()
        for name, port in (("--rest-port", options.rest_port), ("--grpc-port", options.grpc_port)):
            check_port_is_free(name, port)
        lock = lock_data_folder(options.data_dir)
        if options.until_stdin_closes:
            threading.Thread(target=end_with_stdin, daemon=True).start()
        asyncio.run(serve(options))
        lock.close()
    except StartError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/warehouse",
        description="Runs the local warehouse in the foreground until Ctrl-C or SIGTERM. When it is ready it prints the two"
        " variables that point the project's programs at it.",
        epilog="It is for programs on this machine: it refuses what a page in a browser could send. SQL, load jobs and exports reach"
        " no files but those below files/ in the data folder, which gs://name/file stands for.",
    )
    parser.add_argument("--rest-port", type=port_number, default=9050, help="BigQuery REST API; 0 picks a free port (default: 9050)")
    parser.add_argument("--grpc-port", type=port_number, default=9060, help="Storage Read/Write API; 0 picks a free port (default: 9060)")
    parser.add_argument("--data-dir", type=Path, default=Path(".local/warehouse"), help="where the tables are kept (default: .local/warehouse)")
    parser.add_argument("--project", default="mergemind-local", help="project of requests that name none (default: mergemind-local)")
    parser.add_argument("--memory-limit", type=memory_size, default="2GB", help="most memory that DuckDB may use (default: 2GB)")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input does, so never to outlive whoever started it")
    recorded = os.environ.get("WAREHOUSE_RECORD")
    parser.add_argument("--record", type=Path, default=recorded and Path(recorded), help="write down what is sent, for scripts/check-sql (default: WAREHOUSE_RECORD)")
    parser.add_argument("--log-level", default="warning", choices=["debug", "info", "warning", "error"], help="default: warning")
    return parser.parse_args()


def port_number(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port between 0 and 65535")
    return int(text)


def memory_size(text: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)?\s*(MB|GB|MiB|GiB)", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 800MB or 2GB")
    return text


def check_version() -> None:
    """Refuses every version whose private names were not read and tried."""
    found = metadata.version("bqemulator")
    if found != SUPPORTED_VERSION:
        raise StartError(
            f"this launcher changes private parts of bqemulator {SUPPORTED_VERSION}, but {found} is installed;"
            " run scripts/prepare-python emulator"
        )


def check_port_is_free(option: str, port: int) -> None:
    """gRPC would share a taken port silently (SO_REUSEPORT) and get half of the other program's calls."""
    if port == 0:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise StartError(f"port {port} is taken ({error.strerror}); choose another with {option}") from error


def lock_data_folder(folder: Path):
    """Holds the folder for this process; the returned file must stay open.

    DuckDB locks its file too, but says so in words that name neither the folder's option nor what to do.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / "in-use-by", "a+", encoding="ascii")
    except OSError as error:
        raise StartError(f"{folder} cannot be used as the data folder: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        raise StartError(
            f"{folder} is in use by another warehouse (process {owner}); stop it, or choose another folder with --data-dir"
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def forget_positions(trees: list) -> None:
    """Takes from parsed statements where in the text each word stood: nobody asks, and copying it is most of a copy's time."""
    for tree in filter(None, trees):
        for node in tree.walk():
            if node._meta and node._meta.keys() <= POSITION:
                node._meta = None


def change_emulator(folders: list[Path]) -> None:
    """Applies the changes that the module's head explains; `folders` are where loads and exports find and leave their files."""
    import bqemulator.jobs.executor as jobs
    import duckdb
    from bqemulator.catalog import ddl_sync
    from bqemulator.domain.errors import UnsupportedFeatureError
    from bqemulator.sql.rewriter import create_table_schema_ctas
    from bqemulator.scripting.interpreter import ScriptInterpreter
    from bqemulator.storage.engine import DuckDBEngine
    from bqemulator.versioning.snapshots import SnapshotManager
    from sqlglot.dialects.dialect import Dialect

    capture = SnapshotManager.capture

    def capture_only_named(self, *address, kind="AUTO"):
        return None if kind == "AUTO" else capture(self, *address, kind=kind)

    def refuse_time_travel(self, *_):
        # Without snapshots the emulator would answer with today's rows, which is worse than no answer.
        raise UnsupportedFeatureError("FOR SYSTEM_TIME AS OF is turned off in the local warehouse")

    parsing = threading.Lock()
    execute = DuckDBEngine.execute

    def execute_and_drop_views(self, sql, parameters=None):
        try:
            return execute(self, sql, parameters)
        except duckdb.CatalogException:
            if not sql.startswith("DROP TABLE IF EXISTS "):
                raise
            return execute(self, sql.replace("TABLE", "VIEW", 1))

    first_select = create_table_schema_ctas._first_select

    def first_select_in_parentheses(body):
        while type(body).__name__ == "Subquery":
            body = body.this
        return first_select(body)

    parse = Dialect.parse
    parsed: OrderedDict[tuple, list] = OrderedDict()

    def parse_once(self, sql, **options):
        if options or len(sql) < WORTH_KEEPING:
            return parse(self, sql, **options)
        key = (type(self), repr(self.settings), sql)
        with parsing:
            trees = parsed.pop(key, None)
        if trees is None:
            trees = parse(self, sql)
            forget_positions(trees)
        # Rules change what they are given.
        kept = [tree and tree.copy() for tree in trees]
        with parsing:
            parsed[key] = trees
            while len(parsed) > KEPT_STATEMENTS:
                parsed.popitem(last=False)
        return kept

    resolve_uri = jobs._resolve_uri
    jobs._resolve_uri = lambda uri, context: guard.below(folders, resolve_uri(uri, context))
    Dialect.parse = parse_once
    create_table_schema_ctas._first_select = first_select_in_parentheses
    labels.keep()
    DuckDBEngine._load_spatial = lambda self: None
    DuckDBEngine.execute = execute_and_drop_views
    for name, word in (("_detect_catalog_drop", "drop"), ("_detect_create_schema", "create"), ("_detect_plain_create_table", "create")):
        setattr(ddl_sync, name, only_with(word, getattr(ddl_sync, name)))
    jobs._capture_dml_snapshots = ScriptInterpreter._snapshot_dml_targets = no_snapshots
    SnapshotManager.capture = capture_only_named
    SnapshotManager.resolve_time_travel = refuse_time_travel


def only_with(word: str, detect):
    """`detect`, which parses a statement to see whether it is of some kind, for those alone that begin with this word."""
    begins = re.compile(rf"(\s|--[^\n]*\n|/\*.*?\*/)*{word}\b", re.I | re.S)
    return lambda sql, *more: detect(sql, *more) if begins.match(sql) else None


async def no_snapshots(*_) -> None:
    """Where the emulator parses a statement once more to copy what it changes, which is turned off."""


async def serve(options: argparse.Namespace) -> None:
    """Runs the emulator until SIGINT or SIGTERM, then lets requests in flight end and closes the database."""
    started = time.monotonic()
    from bqemulator.config import LogFormat, LogLevel, PersistenceMode, Settings
    from bqemulator.observability.logging_ import configure_logging

    log_level, log_format = LogLevel(options.log_level), LogFormat.CONSOLE
    configure_logging(level=log_level, fmt=log_format)  # First: the next imports already log.
    data = options.data_dir.resolve()
    folders = files, uploads = [data / "files", data / "uploads"]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    change_emulator(folders)
    import bqemulator.server
    from bqemulator.server import EmulatorServer

    create_app = bqemulator.server.create_app

    def create_guarded_app(*arguments, **named):
        app = create_app(*arguments, **named)
        if options.record:
            from recorder import Recorder

            app.add_middleware(Recorder, path=options.record)
        app.add_middleware(guard.Gate)  # Last, so that it is the first to see a request.
        return app

    bqemulator.server.create_app = create_guarded_app
    server = EmulatorServer(
        Settings(
            rest_host=LOOPBACK,
            rest_port=options.rest_port,
            grpc_host=LOOPBACK,
            grpc_port=options.grpc_port,
            persistence_mode=PersistenceMode.PERSISTENT,
            data_dir=data,
            gcs_local_root=files,
            upload_staging_dir=uploads,
            default_project_id=options.project,
            query_cache_ttl_seconds=0,  # It would serve yesterday's CURRENT_TIMESTAMP(), which BigQuery never does.
            enable_format_extensions=False,  # Another download at start.
            log_level=log_level,
            log_format=log_format,
        )
    )
    try:
        await server.start()
        server._engine.execute(f"SET memory_limit = '{options.memory_limit}'")
        guard.keep_to(server._engine, folders)
    except Exception as error:
        raise StartError(f"the emulator did not start: {error}") from error

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):  # After start(), because uvicorn installs its own handlers there.
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    print(f"warehouse ready in {time.monotonic() - started:.1f} s, tables in {options.data_dir}; Ctrl-C ends it", file=sys.stderr)
    print(
        f"export BIGQUERY_EMULATOR_HOST={server.rest_url} BIGQUERY_STORAGE_EMULATOR_HOST=http://{server.grpc_endpoint}",
        flush=True,
    )
    http_ended = server._fastapi_task  # Ends by itself only if a signal came before the handlers above.
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({stopped, http_ended}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    await server.stop()


if __name__ == "__main__":
    sys.exit(main())
