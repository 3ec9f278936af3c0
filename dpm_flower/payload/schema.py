"""The published schema of the manifest: nothing -> JSON Schema, for those who read releases with other programs.

Made of the limits that the reader itself uses, so that the two cannot drift apart. What a schema cannot say (that names differ,
that stored and content sizes belong to each other, one canonical form) only the reader checks: see Manifest.
"""

from typing import TypeAlias

from dpm_flower.core.codec_name import CODEC_NAME
from dpm_flower.payload.compression import COMPRESSIONS
from dpm_flower.payload.manifest import MAX_AUDIT_SCORES, MAX_CLASSES, MAX_RECIPIENTS, MAX_SHARDS, PAYLOAD_TYPE, VERSION
from dpm_flower.payload.released_spec import MAX_VALUES
from dpm_flower.payload.rules import LARGEST_COUNT, NAME, NAME_CHARACTERS, SHA256, TEXT_CHARACTERS
from dpm_flower.payload.sealing import ENCRYPTIONS
from dpm_flower.payload.shard import MAX_SHARD_BYTES
from dpm_flower.payload.wrapping import WRAPPED_BYTES

Schema: TypeAlias = dict[str, object]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
WRAPPED_CHARACTERS = -(-WRAPPED_BYTES // 3) * 4

_TWO_DOTS: Schema = {"pattern": r"\.\."}
_NAME: Schema = {"type": "string", "pattern": f"^{NAME.pattern}$", "maxLength": NAME_CHARACTERS, "not": _TWO_DOTS}
_TEXT: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": TEXT_CHARACTERS,
    "pattern": r"^[^/\\\u0000-\u001f\u007f]*$",
    "not": _TWO_DOTS,
}
_SHA256: Schema = {"type": "string", "pattern": f"^{SHA256.pattern}$"}
_EMPTY: Schema = {"const": ""}


def manifest_schema() -> Schema:
    """The schema of a manifest, the payload of a release's envelope."""
    properties: Schema = {
        "version": {"const": VERSION},
        "campaign": _NAME,
        "round": _count(),
        "sequence": _count(),
        "sender": _NAME,
        "recipients": {"type": "array", "items": _NAME, "uniqueItems": True, "maxItems": MAX_RECIPIENTS, "description": "Empty: all."},
        "method": _TEXT,
        "kind": {"enum": ["features", "images", "boxed-features", "masked-images"]},
        "spec": {"type": "object"},
        "classes": _count(1, MAX_CLASSES),
        "samples": _count(1),
        "shards": {"type": "array", "items": _shard(), "minItems": 1, "maxItems": MAX_SHARDS},
        "made_at": _count() | {"description": "Seconds since 1970 UTC."},
        "expires_at": _count() | {"description": "Seconds since 1970 UTC, after made_at."},
        "audit": {"type": "object", "propertyNames": _TEXT, "additionalProperties": {"type": "number"}, "maxProperties": MAX_AUDIT_SCORES},
        "audit_log_head": {"anyOf": [_EMPTY, _SHA256]},
        "encryption": {"enum": list(ENCRYPTIONS)},
        "key_commitment": {"anyOf": [_EMPTY, _SHA256]},
        "wrapped_keys": {
            "type": "object",
            "propertyNames": _NAME,
            "additionalProperties": _wrapped_key(),
            "maxProperties": MAX_RECIPIENTS + 1,
        },
    }
    return {
        "$schema": DIALECT,
        "$id": f"urn:dpm-flower:manifest:{VERSION}",
        "title": "Manifest of a dpm_flower release",
        "description": f"Payload of a DSSE envelope of type {PAYLOAD_TYPE}, in canonical form: ASCII, sorted keys, no spaces.",
        **_object(properties),
        "allOf": [
            *(_if("kind", kind, then={"spec": spec}, otherwise={}) for kind, spec in _specs().items()),
            _if("encryption", "none", then=_open(), otherwise=_confidential()),
        ],
    }


def _shard() -> Schema:
    size = _count(1, MAX_SHARD_BYTES)
    properties: Schema = {
        "name": _NAME,
        "sha256": _SHA256 | {"description": "Of the stored bytes."},
        "size_bytes": size | {"description": "As stored: compressed, then encrypted."},
        "compression": {"enum": list(COMPRESSIONS)},
        "content_bytes": size | {"description": "Of the safetensors file that it stands for."},
    }
    return _object(properties)


def _specs() -> dict[str, Schema]:
    """By kind of release, what its samples are."""
    codec: Schema = {"type": "string", "pattern": f"^{CODEC_NAME}$", "description": "Without it, numbers of `dtype`."}
    features, size = _feature_keys(), {"type": "array", "items": _count(1, MAX_VALUES), "minItems": 2, "maxItems": 2}
    return {
        "features": _object(features) | {"properties": features | {"codec": codec}},
        "images": _object({"shape": _shape()}),
        "masked-images": _object({"shape": _shape()}),
        "boxed-features": _object(features | {"size": size | {"description": "Height and width of the images, pixels."}}),
    }


def _feature_keys() -> Schema:
    return {
        "backbone": _TEXT,
        "hook": _TEXT,
        "shape": _shape(),
        "featurizer_digest": _SHA256,
        "non_negative": {"type": "boolean"},
        "dtype": {"enum": ["float16", "float32"]},
    }


def _open() -> Schema:
    return {"key_commitment": _EMPTY, "wrapped_keys": {"maxProperties": 0}}


def _confidential() -> Schema:
    return {"key_commitment": _SHA256, "wrapped_keys": {"minProperties": 1}, "recipients": {"minItems": 1}}


def _shape() -> Schema:
    return {"type": "array", "items": _count(1, MAX_VALUES), "minItems": 3, "maxItems": 3}


def _wrapped_key() -> Schema:
    """Base64 of HPKE's encapsulated key and ciphertext for this recipient."""
    return {"type": "string", "pattern": "^[A-Za-z0-9+/]+={0,2}$", "minLength": WRAPPED_CHARACTERS, "maxLength": WRAPPED_CHARACTERS}


def _count(least: int = 0, most: int = LARGEST_COUNT) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": sorted(properties), "additionalProperties": False}


def _if(key: str, value: str, *, then: Schema, otherwise: Schema) -> Schema:
    return {"if": {"properties": {key: {"const": value}}}, "then": {"properties": then}, "else": {"properties": otherwise}}
