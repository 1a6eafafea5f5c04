"""Pictures of a heap as text: treemaps, graphs of ways, a page. Pure: values in, text out."""
