"""The SQL that MetricFlow writes for each metric of the project, by week and project. Runs in dbt's own environment, which brings it."""

from __future__ import annotations

from pathlib import Path

from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.big_query import BigQuerySqlPlanRenderer
from metricflow_semantic_interfaces.implementations.semantic_manifest import PydanticSemanticManifest
from metricflow_semantic_interfaces.transformations.semantic_manifest_transformer import PydanticSemanticManifestTransformer
from metricflow_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup


class Dialect:
    """As much of a warehouse as MetricFlow needs to write SQL for it."""

    sql_engine_type = SqlEngine.BIGQUERY
    sql_plan_renderer = BigQuerySqlPlanRenderer()

    def render_bind_parameter_key(self, key: str) -> str:
        return f"@{key}"


def statements(manifest: Path) -> dict[str, str]:
    """SQL by the name of its metric; `manifest` is dbt's semantic_manifest.json. Raises what MetricFlow finds wrong in it."""
    found = PydanticSemanticManifestTransformer.transform(PydanticSemanticManifest.parse_raw(manifest.read_text()))
    SemanticManifestValidator[PydanticSemanticManifest]().checked_validations(found)
    engine = MetricFlowEngine(SemanticManifestLookup(found), Dialect())
    asked = {metric.name: MetricFlowQueryRequest.create(metric_names=[metric.name], group_by_names=["metric_time__week", "project__project_path"]) for metric in found.metrics}
    return {name: engine.explain(request).sql_statement.sql for name, request in asked.items()}
