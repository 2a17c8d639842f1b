"""The part of Cloud Logging's query language that infra/metrics.tf uses, on a line as the functions write it."""
import re

TERM = re.compile(r'(?P<field>[\w.]+)(?:(?P<test>=~|=)"(?P<value>(?:[^"\\]|\\.)*)"|(?P<there>:\*))$')


def matches(filter_, line):
    """Whether a log line passes a filter; a filter that this does not understand is an error."""
    return all(term_matches(term.strip(), line) for term in filter_.split(" AND "))


def term_matches(term, line):
    found = TERM.match(term)
    if not found:
        raise ValueError(f"not understood: {term}")
    field = found["field"]
    if field == "resource.type":
        # All lines come from Cloud Run.
        return found["value"] == "cloud_run_revision"
    value = line.get(field.removeprefix("jsonPayload."))
    if found["there"]:
        return value is not None
    if value is None:
        return False
    if found["test"] == "=~":
        return re.search(found["value"], str(value)) is not None
    return str(value) == found["value"]
