"""What a release is made of: shards, the manifest that describes them, and the envelope that vouches for it."""
