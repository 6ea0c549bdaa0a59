"""Model folders: the bundled ones, and how any of them is written and read."""
