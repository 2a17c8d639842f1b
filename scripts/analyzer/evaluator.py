"""The rules of dbt-project-evaluator (dbt Labs' package of recommended practices, https://dbt-labs.github.io/dbt-project-evaluator/), over
dbt's manifest. The package itself comes from GitHub and asks a warehouse; what it asks can be answered here without either.

A rule that is not held has its exception in the meta of the model, or of the source's table, that breaks it, with the reason:
`meta: {exceptions: {rule: reason}}`; what holds for a whole layer stands in LAYERS below."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

# The package's own limits (its variables models_fanout_threshold, too_many_joins_threshold, chained_views_threshold).
FANOUT, JOINS, CHAINED_VIEWS = 3, 7, 5
PREFIXES = {"staging": ("stg_",), "intermediate": ("int_",), "marts": ("fct_", "dim_")}
# Rules that a whole layer breaks on purpose: {(rule, layer): reason}.
LAYERS = {
    ("source_fanout", "sources"): "staging models only rename; what reads a wide raw table incrementally reads it itself",
    ("unused_sources", "sources"): "tables of streams that are off have no model, and what the connector keeps for itself needs none",
    ("source_freshness", "sources"): "_cursors tells for all raw tables at once how old they are: a table in which nothing moves is not stale",
    ("missing_primary_key_tests", "intermediate"): "the marts that they lead to have theirs: each test is a scan that is billed",
    ("model_naming_conventions", "marts"): "agg_ is over time, and the other names were promised to readers first (published.json)",
    ("model_fanout", "intermediate"): "marts by day, week, person or project are made of the same facts",
    ("model_fanout", "marts"): "the same, of dimensions and facts",
    ("unused_staging", "staging"): "each raw table has its staging model, for those who extend the project",
}


def problems(manifest: dict) -> list[str]:
    """Rules that are neither held nor excepted, and exceptions that are not needed any more."""
    graph = Graph(manifest)
    found = {(rule, name) for rule, check in RULES.items() for name in check(graph)}
    excepted = set(graph.exceptions)
    told = [f"{name} breaks the rule {rule}: mend it, or write the reason into its meta (scripts/analyzer/evaluator.py)"
            for rule, name in sorted(found - excepted) if (rule, graph.layer(name)) not in LAYERS]
    return told + [f"{name} has an exception from the rule {rule} and does not break it" for rule, name in sorted(excepted - found)]


class Graph:
    """Models and sources by name, with what each reads."""

    def __init__(self, manifest: dict):
        models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
        self.models = {node["name"]: node for node in models}
        self.sources = {source["name"]: source for source in manifest["sources"].values()}
        names = {node["unique_id"]: node["name"] for node in [*models, *manifest["sources"].values()]}
        self.parents = {node["name"]: [names[parent] for parent in node["depends_on"]["nodes"] if parent in names] for node in models}
        self.children = defaultdict(list)
        for child, parents in self.parents.items():
            for parent in parents:
                self.children[parent].append(child)
        tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
        self.tested = {names.get(test.get("attached_node")) for test in tests}
        self.keyed = {names.get(test.get("attached_node")) for test in tests if (test.get("test_metadata") or {}).get("name") == "primary_key"}
        self.exposures = list(manifest["exposures"].values())
        self.exceptions = {
            (rule, name): reason for name, node in (self.models | self.sources).items()
            for rule, reason in (node.get("config", {}).get("meta") or node.get("meta") or {}).get("exceptions", {}).items()
        }

    def layer(self, name: str) -> str:
        return "sources" if name in self.sources else self.models[name]["fqn"][1]

    def is_view(self, name: str) -> bool:
        return name in self.models and self.models[name]["config"]["materialized"] in ("view", "ephemeral")

    def views_up(self, name: str) -> int:
        """The longest chain of views that ends with it."""
        return 1 + max((self.views_up(parent) for parent in self.parents[name] if self.is_view(parent)), default=0) if self.is_view(name) else 0


def direct_join_to_source(graph: Graph) -> Iterator[str]:
    return (name for name, parents in graph.parents.items() if len(parents) > 1 and any(parent in graph.sources for parent in parents)
            and any(parent in graph.models for parent in parents))


def downstream_on_source(graph: Graph) -> Iterator[str]:
    return (name for name, parents in graph.parents.items() if graph.layer(name) != "staging" and any(parent in graph.sources for parent in parents))


def multiple_sources_joined(graph: Graph) -> Iterator[str]:
    return (name for name, parents in graph.parents.items() if sum(parent in graph.sources for parent in parents) > 1)


def source_fanout(graph: Graph) -> Iterator[str]:
    return (name for name in graph.sources if len(graph.children[name]) > 1)


def unused_sources(graph: Graph) -> Iterator[str]:
    return (name for name in graph.sources if not graph.children[name])


def duplicate_sources(graph: Graph) -> Iterator[str]:
    places = Counter((source["database"], source["schema"], source["identifier"]) for source in graph.sources.values())
    return (name for name, source in graph.sources.items() if places[source["database"], source["schema"], source["identifier"]] > 1)


def root_models(graph: Graph) -> Iterator[str]:
    return (name for name, parents in graph.parents.items() if not parents)


def staging_on_staging(graph: Graph) -> Iterator[str]:
    return (name for name, parents in graph.parents.items() if graph.layer(name) == "staging" and any(parent in graph.models for parent in parents))


def unused_staging(graph: Graph) -> Iterator[str]:
    return (name for name in graph.models if graph.layer(name) == "staging" and not graph.children[name])


def model_fanout(graph: Graph) -> Iterator[str]:
    """Many marts of one model, which none of them could share."""
    leaves = {name for name in graph.models if not graph.children[name]}
    return (name for name in graph.models if sum(child in leaves for child in graph.children[name]) >= FANOUT)


def rejoining_of_upstream_concepts(graph: Graph) -> Iterator[str]:
    """Reads a parent, and a child of that parent which nobody else reads."""
    for name, parents in graph.parents.items():
        for parent in parents:
            if parent in graph.models and graph.children[parent] == [name] and any(other in parents and other in graph.models for other in graph.parents[parent]):
                yield name


def too_many_joins(graph: Graph) -> Iterator[str]:
    return (name for name, parents in graph.parents.items() if len(parents) >= JOINS)


def chained_views(graph: Graph) -> Iterator[str]:
    return (name for name in graph.models if graph.views_up(name) >= CHAINED_VIEWS)


def exposure_parents_materialization(graph: Graph) -> Iterator[str]:
    parents = {node.split(".")[2] for exposure in graph.exposures for node in exposure["depends_on"]["nodes"]}
    return (name for name in parents & graph.models.keys() if graph.is_view(name))


def missing_primary_key_tests(graph: Graph) -> Iterator[str]:
    return (name for name in graph.models if name not in graph.keyed)


def source_freshness(graph: Graph) -> Iterator[str]:
    return (name for name, source in graph.sources.items() if not (source.get("freshness") or {}).get("warn_after", {}).get("count"))


def undocumented(graph: Graph) -> Iterator[str]:
    return (name for name, node in (graph.models | graph.sources).items() if not node["description"].strip())


def model_naming_conventions(graph: Graph) -> Iterator[str]:
    return (name for name in graph.models if not name.startswith(PREFIXES[graph.layer(name)]))


def public_models_without_contract(graph: Graph) -> Iterator[str]:
    return (name for name, node in graph.models.items() if node["access"] == "public" and not node["contract"]["enforced"])


def exposures_on_private_models(graph: Graph) -> Iterator[str]:
    parents = {node.split(".")[2] for exposure in graph.exposures for node in exposure["depends_on"]["nodes"]}
    return (name for name in parents & graph.models.keys() if graph.models[name]["access"] != "public")


RULES = {check.__name__: check for check in (
    direct_join_to_source, downstream_on_source, multiple_sources_joined, source_fanout, unused_sources, duplicate_sources, root_models,
    staging_on_staging, unused_staging, model_fanout, rejoining_of_upstream_concepts, too_many_joins, chained_views,
    exposure_parents_materialization, missing_primary_key_tests, source_freshness, undocumented, model_naming_conventions,
    public_models_without_contract, exposures_on_private_models,
)}
