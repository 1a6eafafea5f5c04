"""Loads packed modules from text, for imports between heapscope.wire and heapscope.agent inside the clone.

Never touches sys.modules and never loads anything from outside: a name that is not packed must be loaded already.

Runs behind ``SOURCES = {...}`` (module name -> text) in the namespace that bootstrap.py made.
"""


def make_import(sources, sys):
    """Return an ``__import__`` that knows the packed modules and what sys.modules holds."""
    loaded = {}
    module_type = type(sys)
    real_builtins = sys.modules["builtins"].__dict__

    def load(name):
        if name in loaded:
            return loaded[name]
        module = loaded[name] = module_type(name)
        namespace = module.__dict__
        namespace["__builtins__"] = packed_builtins
        if name in sources:
            exec(compile(sources[name], "<heapscope>/" + name, "exec", dont_inherit=True), namespace)
        return module

    def import_packed(name, _globals=None, _locals=None, fromlist=(), _level=0):
        if name.split(".")[0] != "heapscope":
            if name in sys.modules:
                return sys.modules[name]
            raise ImportError(name)
        module = load(name)
        for item in fromlist or ():
            if name + "." + item in sources:
                module.__dict__[item] = load(name + "." + item)
        return module

    packed_builtins = dict(real_builtins)
    packed_builtins["__import__"] = import_packed
    return import_packed
