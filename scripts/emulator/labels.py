"""Labels of views. BigQuery keeps those of a `CREATE VIEW … OPTIONS(labels=[…])` and lists them with the dataset's tables; the emulator
knows labels, and loses them in both places."""

import re

LABELS = re.compile(r"^[^;]*?create\s+(?:or\s+replace\s+)?view\s+\S+\s+options\s*\(\s*labels\s*=\s*\[(?P<labels>[^\]]*)\]", re.IGNORECASE | re.DOTALL)
LABEL = re.compile(r"\(\s*['\"]([a-z0-9_-]+)['\"]\s*,\s*['\"]([a-z0-9_-]*)['\"]\s*\)")


def of_view(statement: str) -> dict[str, str]:
    """The labels of a statement that makes a view."""
    found = LABELS.match(statement)
    return dict(LABEL.findall(found["labels"])) if found else {}


def keep() -> None:
    """Has the emulator keep and list them."""
    import bqemulator.api.routes.tables as tables
    import bqemulator.jobs.executor as jobs
    from bqemulator.catalog.ddl_sync import _detect_plain_create_view

    make_view, list_item = jobs.sync_created_view, tables._table_to_list_item

    def make_view_with_labels(statement, project, context):
        make_view(statement, project, context)
        labels = of_view(statement)
        view = _detect_plain_create_view(statement)[0] if labels else None
        made = view and context.catalog.get_table(view.catalog or project, view.db, view.name)
        if made:
            context.catalog.update_table(made.model_copy(update={"labels": labels}))

    def list_item_with_labels(table):
        return list_item(table) | ({"labels": table.labels} if table.labels else {})

    jobs.sync_created_view = make_view_with_labels
    tables._table_to_list_item = list_item_with_labels
