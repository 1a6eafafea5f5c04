"""Main thread computes in pure Python and never blocks; argument: a module to have loaded before."""

import sys

import probe

for name in sys.argv[1:]:
    __import__(name)

number = 0
probe.make_markers()
probe.start()
while True:
    number = (number * 31 + 7) % 1000003
