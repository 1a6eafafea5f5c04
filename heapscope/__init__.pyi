from heapscope.api import capture as capture
from heapscope.api import open as open  # noqa: A004
from heapscope.api import recursive_size as recursive_size
from heapscope.api import shallow_size as shallow_size

__version__: str
