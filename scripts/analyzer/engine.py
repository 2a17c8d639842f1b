"""Google's GoogleSQL analyzer and reference evaluator, as WebAssembly in this process.

The package brings its own client; this one keeps the compiled module in .local (compiling takes the better part of a minute,
loading the result milliseconds) and copies messages as blocks, not byte by byte.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import sqlite3
import zlib
from importlib import metadata
from pathlib import Path

import tzdata
import wasmtime
from zetasql.wasi import get_wasm_path
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service
from zetasql.wasi._pb2.zetasql.proto import options_pb2, simple_catalog_pb2
from zetasql.wasi._pb2.zetasql.public import options_pb2 as public_options
from zetasql.wasi._pb2.zetasql.resolved_ast import resolved_node_kind_pb2

ROOT = Path(__file__).resolve().parents[2]
# BigQuery has its dialect's external face: FLOAT64 and INT64, no 32-bit types. The evaluator has no time zone by default.
TIME_ZONE = "UTC"
# In the analyzer's maximum and not in BigQuery.
NOT_IN_BIGQUERY = ("FEATURE_LATERAL_COLUMN_REFERENCES", "FEATURE_SPANNER_LEGACY_DDL")


class SqlError(Exception):
    """What the analyzer says against a statement, in BigQuery's words where both have the same."""


class Engine:
    """One instance of the analyzer. Not for several threads at once."""

    def __init__(self, cache: Path = ROOT / ".local/analyzer"):
        config = wasmtime.Config()
        config.shared_memory = True
        engine = wasmtime.Engine(config)
        self._store = wasmtime.Store(engine)
        wasi = wasmtime.WasiConfig()
        wasi.inherit_stderr()
        wasi.preopen_dir(os.path.join(os.path.dirname(tzdata.__file__), "zoneinfo"), "/usr/share/zoneinfo")
        self._store.set_wasi(wasi)
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        instance = linker.instantiate(self._store, compiled_module(engine, cache))
        self._exports = instance.exports(self._store)
        self._exports["_initialize"](self._store)
        self._memory = self._exports["memory"]
        self._answers = Answers(cache / "answers.sqlite")
        self.language = self._language()

    def analyze(self, sql: str, position: int, catalog: simple_catalog_pb2.SimpleCatalogProto):
        """Checks the statement that begins at byte `position`; returns it resolved, and where the next one begins."""
        request = service.AnalyzeRequest(simple_catalog=catalog, options=self._options())
        request.parse_resume_location.input = sql
        request.parse_resume_location.byte_position = position
        answer = self._call("Analyze", request, service.AnalyzeResponse)
        return answer.resolved_statement, answer.resume_byte_position

    def evaluate(self, sql: str, catalog: simple_catalog_pb2.SimpleCatalogProto):
        """Columns and rows of a query as the reference implementation computes them; every table is empty."""
        request = service.EvaluateQueryRequest(sql=sql, simple_catalog=catalog, options=self._options())
        for table in catalog.table:
            request.table_content[table.name].table_data.SetInParent()
        answer = self._call("EvaluateQuery", request, service.EvaluateQueryResponse)
        return answer.prepared.columns, answer.content.table_data.row

    def table_names(self, sql: str, position: int) -> list[tuple[str, ...]]:
        """Paths of the tables that the statement at byte `position` names."""
        request = service.ExtractTableNamesFromNextStatementRequest(options=self.language)
        request.parse_resume_location.input = sql
        request.parse_resume_location.byte_position = position
        answer = self._call("ExtractTableNamesFromNextStatement", request, service.ExtractTableNamesFromNextStatementResponse)
        return [tuple(name.table_name_segment) for name in answer.table_name]

    def _options(self) -> options_pb2.AnalyzerOptionsProto:
        return options_pb2.AnalyzerOptionsProto(
            language_options=self.language, default_timezone=TIME_ZONE, prune_unused_columns=False,
            error_message_mode=public_options.ERROR_MESSAGE_ONE_LINE,
        )

    def _language(self) -> options_pb2.LanguageOptionsProto:
        request = service.LanguageOptionsRequest(maximum_features=True)
        language = self._call("GetLanguageOptions", request, options_pb2.LanguageOptionsProto)
        refused = {public_options.LanguageFeature.Value(name) for name in NOT_IN_BIGQUERY}
        features = [feature for feature in language.enabled_language_features if feature not in refused]
        del language.enabled_language_features[:]
        language.enabled_language_features.extend(features)
        language.product_mode = public_options.PRODUCT_EXTERNAL
        language.supported_statement_kinds.extend(
            number for name, number in resolved_node_kind_pb2.ResolvedNodeKind.items() if name.endswith("_STMT")
        )
        return language

    def _call(self, method: str, request, answer_type):
        # The request holds all that the answer depends on: statement, tables, options.
        body = request.SerializeToString(deterministic=True)
        answer = self._answers.get(method, body)
        if answer is None:
            answer = self._ask(method, body)
            self._answers.put(method, body, answer)
        return answer_type.FromString(answer)

    def _ask(self, method: str, body: bytes) -> bytes:
        at = self._exports["wasm_malloc"](self._store, max(len(body), 1))
        size_at = self._exports["wasm_malloc"](self._store, 4)
        try:
            ctypes.memmove(self._address(at), body, len(body))
            found = self._exports[f"ZetaSqlLocalService_{method}"](self._store, at, len(body), size_at)
            if found == 0:
                raise SqlError(self._last_error())
            answer = self._read(found, int.from_bytes(self._read(size_at, 4), "little"))
            self._exports["wasm_free"](self._store, found)
            return answer
        finally:
            self._exports["wasm_free"](self._store, at)
            self._exports["wasm_free"](self._store, size_at)

    def _last_error(self) -> str:
        size = self._exports["wasm_get_last_error_size"](self._store)
        text = self._read(self._exports["wasm_get_last_error"](self._store), size).decode()
        return re.sub(r"^Code: \d+, Message: ", "", text)

    def _read(self, at: int, size: int) -> bytes:
        return ctypes.string_at(self._address(at), size)

    def _address(self, at: int) -> int:
        # Asked each time, because memory moves when it grows.
        return ctypes.addressof(self._memory.data_ptr().contents) + at


class Answers:
    """Good answers to requests made before, by the same analyzer; most statements are the same in the next run."""

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # The server's threads take turns.
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=60)
        self._file.executescript("pragma journal_mode = wal; pragma synchronous = off;"
                                 "create table if not exists answers (key text primary key, answer blob, used_on text);"
                                 "delete from answers where used_on < date('now', '-7 days')")

    def get(self, method: str, body: bytes) -> bytes | None:
        key = self._key(method, body)
        row = self._file.execute("update answers set used_on = date('now') where key = ? returning answer", (key,)).fetchone()
        return zlib.decompress(row[0]) if row else None

    def put(self, method: str, body: bytes, answer: bytes) -> None:
        self._file.execute("insert or replace into answers values (?, ?, date('now'))", (self._key(method, body), zlib.compress(answer, 1)))

    def _key(self, method: str, body: bytes) -> str:
        return hashlib.sha256(f"{metadata.version('zetasql')} {method} ".encode() + body).hexdigest()


def compiled_module(engine: wasmtime.Engine, cache: Path) -> wasmtime.Module:
    """The module from the cache, or compiled and put there."""
    # A module compiled by another wasmtime, or of another zetasql, must never be loaded: it is machine code.
    key = hashlib.sha256(f"{metadata.version('wasmtime')} {metadata.version('zetasql')} {os.uname().machine}".encode()).hexdigest()[:16]
    path = cache / f"googlesql-{key}.cwasm"
    if path.exists():
        return wasmtime.Module.deserialize_file(engine, str(path))
    print("compiling Google's SQL analyzer, once (about a minute)", flush=True)
    module = wasmtime.Module.from_file(engine, str(get_wasm_path()))
    cache.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_bytes(module.serialize())
    part.rename(path)
    return module
