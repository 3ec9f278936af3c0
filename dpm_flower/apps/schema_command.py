"""`dpm-flower release schema`: nothing -> the published JSON Schema of the manifest, on the standard output."""

import json

from dpm_flower.payload.schema import manifest_schema


def show() -> int:
    """Prints the schema -> the exit code."""
    print(json.dumps(manifest_schema(), indent=2))
    return 0
