"""The `.l3c` file, whatever its pixels were coded with: container, tiles, checksums (FORMAT.md)."""
