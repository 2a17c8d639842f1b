"""What each run would do again with the same outcome, done once in the resident process before it forks.

This text stands between path.py's and worker.py's in one program, as fewer_jobs.py's does.

dbt's results, messages and artifacts stay as they are: a test compares them with the command line's. Left out are
two files for diagnosis, which neither dbt nor this function reads: `graph.gpickle` and `graph_summary.json`.

The names are dbt's own and promised by nobody. They are changed only in a dbt-core that was read and tried, and only where
they take what they took there; what is left out for that is said when the process is ready.
"""

# The versions of dbt-core whose insides were read.
KNOWN = ("1.11.", "1.12.")

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
        # Whether this dbt-core's insides may be used.
        self.knows = False

    def take(self, more=()):
        """Takes what does not depend on the project, and `more` like it."""
        import importlib

        for name in IMPORTED_LATE:
            self.attempt(lambda name=name: importlib.import_module(name))
        version = dbt_version()
        self.knows = version.startswith(KNOWN)
        if not self.knows:
            known = " and ".join(text + "x" for text in KNOWN)
            self.problems.append(f"this is dbt-core {version}, and the worker knows the insides of {known}")
            return
        steps = [look_for_plugins_once, find_callers_by_their_frames, leave_graph_files_out, write_json_in_one_go]
        for step in [*steps, self.write_macros_as_kept, *more]:
            self.attempt(step)

    def project_parsed(self, manifest):
        """Finds what there is to prepare of a project."""
        self.macros = self.macros_text = None
        self.later = []
        if self.knows:
            self.attempt(lambda: self.find_later(manifest))

    def attempt(self, step):
        """Takes one step, or notes why not; whether it went well."""
        try:
            step()
        except Exception as e:
            self.problems.append(f"{type(e).__name__}: {e}")
            return False
        return True

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

        expect(module.Manifest, "writable_manifest", ["self"])
        expect(module, "fire_event", ["e", ...])
        expect(module, "ArtifactWritten", ...)
        ordinary = expect(module.Manifest, "write", ["self", "path"])

        def write(manifest, path):
            if self.macros is None or manifest.macros is not self.macros:
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


def expect(owner, name, parameters):
    """What `owner` has by that name. An error unless it takes these parameters; `...` stands for any, or for any more."""
    import inspect

    found = getattr(owner, name, None)
    if found is None:
        raise LookupError(f"{owner.__name__} has no {name}")
    if parameters is not ...:
        taken = list(inspect.signature(found).parameters)
        wanted = parameters[:-1] if parameters[-1:] == [...] else parameters
        if taken[: len(wanted)] != wanted or (wanted is parameters and len(taken) != len(wanted)):
            raise TypeError(f"{owner.__name__}.{name} takes {taken} and not {wanted}")
    return found


def look_for_plugins_once():
    """dbt looks through all directories of Python's path in each run."""
    from dbt.plugins import PluginManager

    found = expect(PluginManager, "get_prefixed_modules", [])()
    PluginManager.get_prefixed_modules = classmethod(lambda _: found)


def find_callers_by_their_frames():
    """dbt asks `inspect` for the source of each frame up to ours, which looks through all modules for one without a file."""
    from dbt_common import behavior_flags

    def source():
        frame = sys._getframe(1)
        while frame and frame.f_globals.get("__name__") == behavior_flags.__name__:
            frame = frame.f_back
        return frame.f_globals["__name__"] if frame else "Unknown"

    expect(behavior_flags.BehaviorFlagRendered, "_default_source", [])
    behavior_flags.BehaviorFlagRendered._default_source = staticmethod(source)


def leave_graph_files_out():
    from dbt.compilation import Compiler, Linker

    expect(Linker, "get_graph_summary", ["self", "manifest"])
    expect(Compiler, "write_graph_file", ["self", "linker", "manifest"])
    Linker.get_graph_summary = lambda *_: {}
    Compiler.write_graph_file = lambda *_: None


def write_json_in_one_go():
    """`json.dump` encodes in Python, `json.dumps` in C: the same text, several times faster."""
    from dbt.artifacts.schemas import base

    expect(base, "write_json", ["path", "data"])
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
