"""A project's folder: its steps in mlkit.yml, its git repository, and the files that `mlkit new` writes."""
