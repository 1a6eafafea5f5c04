"""The heap of the demo service, loaded and used, with nobody at work in it: ``native_demo.py PATH-OF-SERVICE``."""

import importlib.util
import sys
import threading

import probe

LOADED = importlib.util.spec_from_file_location("service", sys.argv[1])
service = importlib.util.module_from_spec(LOADED)
sys.modules["service"] = service
LOADED.loader.exec_module(service)
SHOP = service.Shop(20000)
for number in range(700):
    SHOP.serve("/orders/%d" % (number % 600))
SERVER = service.Server(("127.0.0.1", 0), service.Handler)
SERVER.shop = SHOP
probe.make_markers()
probe.start()
threading.Event().wait()
