"""Changes to class statements, written as text: sources in, new sources, diffs and notes out."""
