"""A project's folder: its steps in mlkit.yml, its git repository, and what `mlkit new` writes into it."""
