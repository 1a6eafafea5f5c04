"""The demo service: a program to try heapscope on. Never imported by heapscope, only run."""
