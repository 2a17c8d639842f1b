"""Reads all merge requests of a group with dlt's REST source, as its documentation does it, and prints how many came.

dlt extracts into files; nothing is normalised or loaded.
"""

import sys

import dlt
from dlt.sources.rest_api import rest_api_source


def main() -> None:
    address, token, group, folder = sys.argv[1:5]
    source = rest_api_source(
        {
            "client": {
                "base_url": f"{address}/api/v4/",
                "headers": {"Private-Token": token},
                "paginator": "header_link",
            },
            "resource_defaults": {"endpoint": {"params": {"per_page": 100}}, "parallelized": True},
            "resources": [
                {
                    "name": "projects",
                    "endpoint": {
                        "path": f"groups/{group}/projects",
                        "params": {"include_subgroups": "true", "per_page": 100},
                    },
                },
                {
                    "name": "merge_requests",
                    "endpoint": {
                        "path": "projects/{resources.projects.id}/merge_requests",
                        "params": {"scope": "all", "per_page": 100},
                    },
                },
            ],
        }
    )
    pipeline = dlt.pipeline("bench_gitlab", pipelines_dir=folder, destination="filesystem", dataset_name="bench")
    pipeline.extract(source)
    counts = pipeline.last_trace.last_extract_info.metrics
    load = next(iter(counts.values()))[0]
    print(load["resource_metrics"]["merge_requests"].items_count)


if __name__ == "__main__":
    main()
