"""Image sets: reading files, preparing photographs, and the manifest of what was kept."""
