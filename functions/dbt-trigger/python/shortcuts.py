"""What each run would do again with the same outcome, done once in the resident process before it forks.

This text stands before worker.py's in one program, and imports nothing before that has mended `sys.path`.

dbt's results, messages and artifacts stay as they are: a test compares them with the command line's. Left out are
two files for diagnosis, which neither dbt nor this function reads: `graph.gpickle` and `graph_summary.json`. The names
are dbt-core 1.11's; where one is missing, that shortcut is not taken, and the function says so.
"""

# What dbt imports only when a command needs it.
IMPORTED_LATE = [
    "dbt.task.build",
    "dbt.task.docs.generate",
    "dbt.task.freshness",
    "dbt.task.retry",
    "dbt.task.test",
    "dbt_common.clients.agate_helper",
]


class Shortcuts:
    def __init__(self):
        # What went wrong, for people.
        self.problems = []
        # What makes later runs faster and can wait until there is nothing else to do.
        self.later = []
        # The macros of the parsed project, which no run changes: most of a small project's manifest.
        self.macros = None
        self.macros_text = None

    def take(self):
        """Takes what does not depend on the project."""
        import importlib

        steps = [lambda name=name: importlib.import_module(name) for name in IMPORTED_LATE]
        steps += [look_for_plugins_once, find_callers_by_their_frames, leave_graph_files_out, write_json_in_one_go]
        for step in [*steps, self.write_macros_as_kept]:
            self.attempt(step)

    def project_parsed(self, manifest):
        """Finds what there is to prepare of a project."""
        self.macros = self.macros_text = None
        self.later = []
        self.attempt(lambda: self.find_later(manifest))

    def attempt(self, step):
        try:
            step()
        except Exception as e:
            self.problems.append(repr(e))

    def find_later(self, manifest):
        self.later = [lambda macro=macro: compile_macro(macro) for macro in manifest.macros.values()]
        self.later.append(lambda: self.keep_macros(manifest))

    def prepare_more(self):
        """Works for some milliseconds; whether there is more to do."""
        if self.later:
            self.attempt(self.later.pop())
        return bool(self.later)

    def keep_macros(self, manifest):
        self.macros_text = as_json(as_artifact(manifest.writable_manifest())["macros"])
        self.macros = manifest.macros

    def write_macros_as_kept(self):
        from dbt.contracts.graph import manifest as module

        ordinary = module.Manifest.write

        def write(manifest, path):
            if manifest.macros is not self.macros:
                return ordinary(manifest, path)
            manifest.macros = {}
            try:
                writable = manifest.writable_manifest()
            finally:
                manifest.macros = self.macros
            parts = as_artifact(writable)
            values = (self.macros_text if name == "macros" else as_json(part) for name, part in parts.items())
            write_text(path, "{" + ", ".join(f"{as_json(name)}: {value}" for name, value in zip(parts, values)) + "}")
            module.fire_event(module.ArtifactWritten(artifact_type=type(writable).__name__, artifact_path=path))

        module.Manifest.write = write


def compile_macro(macro):
    from dbt_common.clients.jinja import template_cache

    # One that can't be compiled is an error of the run that uses it, and of no other.
    template_cache.get_node_template(macro)


def look_for_plugins_once():
    """dbt looks through all directories of Python's path in each run."""
    from dbt.plugins import PluginManager

    found = PluginManager.get_prefixed_modules()
    PluginManager.get_prefixed_modules = classmethod(lambda _: found)


def find_callers_by_their_frames():
    """dbt asks `inspect` for the source of each frame up to ours, which looks through all modules for one without a file."""
    from dbt_common import behavior_flags

    def source():
        frame = sys._getframe(1)
        while frame and frame.f_globals.get("__name__") == behavior_flags.__name__:
            frame = frame.f_back
        return frame.f_globals["__name__"] if frame else "Unknown"

    behavior_flags.BehaviorFlagRendered._default_source = staticmethod(source)


def leave_graph_files_out():
    from dbt.compilation import Compiler, Linker

    Linker.get_graph_summary = lambda *_: {}
    Compiler.write_graph_file = lambda *_: None


def write_json_in_one_go():
    """`json.dump` encodes in Python, `json.dumps` in C: the same text, several times faster."""
    from dbt.artifacts.schemas import base

    base.write_json = lambda path, data: write_text(path, as_json(data))


def as_artifact(writable):
    return writable.to_dict(omit_none=False, context={"artifact": True})


def as_json(data):
    from dbt_common.utils.encoding import JSONEncoder

    return json.dumps(data, cls=JSONEncoder)


def write_text(path, text):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return True
