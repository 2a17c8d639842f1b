"""Writes single rows of marts, for an event that somebody waits for.

This text stands between shortcuts.py's and worker.py's in one program. Its step is taken like the others there.

A model with `meta: {live_rows: KEY}` can be written for some merge requests alone. A run of such rows builds these models and nothing
else: each is one statement, in which every model before it stands as a common table expression instead of a table of its own, as dbt does
it with ephemeral models. The project's macros narrow what is read by the variables that the run is given, and its materialization
`live_rows` says how the rows are written. The texts of the models are the same, so their rows are those of a whole build.
"""

import threading

MATERIALIZATION = "live_rows"


class LiveRows:
    def __init__(self):
        self.known = False

    def models(self, manifest):
        """The models whose rows can be written alone; none if it is not known how."""
        if not self.known or manifest is None:
            return []
        if manifest.find_materialization_macro_by_name(manifest.metadata.project_name, MATERIALIZATION, "bigquery") is None:
            return []
        nodes = manifest.nodes.values()
        return [node for node in nodes if node.resource_type == "model" and (node.config.meta or {}).get(MATERIALIZATION)]

    def arguments(self, ordinary, narrowed, manifest):
        """The command line of a run that may be of single rows. Changes `manifest`, which is to be a process's own."""
        models = self.models(manifest) if narrowed else []
        if not models:
            return ordinary
        written = {model.unique_id for model in models}
        before, left = set(), list(written)
        while left:
            for id in manifest.nodes[left.pop()].depends_on.nodes:
                if id in manifest.nodes and id not in written and id not in before:
                    before.add(id)
                    left.append(id)
        if any(manifest.nodes[id].resource_type != "model" for id in before):
            return ordinary
        for id in before:
            manifest.nodes[id].config.materialized = "ephemeral"
        for model in models:
            model.config.materialized = MATERIALIZATION
        compile_one_at_a_time()
        return [*narrowed, "--select", *sorted(model.name for model in models)]

    def learn(self):
        from dbt.compilation import Compiler
        from dbt.contracts.graph.manifest import Manifest
        from dbt.contracts.graph.nodes import ModelNode

        expect(Manifest, "find_materialization_macro_by_name", ["self", "project_name", "materialization_name", "adapter_type"])
        expect(Compiler, "compile_node", ["self", "node", "manifest", "extra_context", "write", ...])
        expect(ModelNode, "is_ephemeral_model", ...)
        self.known = True


def compile_one_at_a_time():
    """Models before several others are compiled by whoever comes first: by two threads at once they would be mixed up."""
    from dbt.compilation import Compiler

    ordinary, lock = Compiler.compile_node, threading.RLock()

    def compile_node(compiler, *more, **named):
        with lock:
            return ordinary(compiler, *more, **named)

    Compiler.compile_node = compile_node


LIVE_ROWS = LiveRows()
