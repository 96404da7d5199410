"""Image files: samples, palette, transparency and metadata as they are stored."""
