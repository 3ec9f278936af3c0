"""Shards as they leave: compressed where that makes them smaller."""

from dataclasses import replace

from dpm_flower.payload.compression import compressed
from dpm_flower.payload.shard import Shard


def packed(shard: Shard) -> Shard:
    """A shard of the codec's -> the same with its content in Zstandard, or itself where that saves too little."""
    frame = compressed(shard.data)
    return shard if frame is None else replace(shard, data=frame, compression="zstd", content_bytes=len(shard.data))
