"""Who may be holding too much memory: suspects with their evidence, and a verdict over all of them. Pure; docs/suspects.md."""
