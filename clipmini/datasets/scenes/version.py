"""The version of what the scenes draw and say."""

VERSION = 1  # raised by hand when a byte changes; tests/scene_hashes.json holds the bytes of each
