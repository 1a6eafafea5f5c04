"""What the planted services have in common: a lot of innocent memory, requests, and a way to be asked to work.

Has no problem of its own: settings that were loaded once, caches that are full and bounded, a window of recent events, and the
modules that a service imports. Keeps to the syntax of Python 3.8; standard library only.

One JSON object per line on stdin and stdout: {"ask": "work", "requests": 500} -> {}. With ``--every SECONDS`` it works on its own.
"""

import asyncio
import collections
import concurrent.futures
import csv
import decimal
import email.mime.multipart
import functools
import http.client
import http.server
import json
import logging.handlers
import random
import sqlite3
import sys
import time
import unittest.mock
import urllib.request
import xml.dom.minidom

IMPORTED = (asyncio, concurrent.futures, csv, email, http, logging, sqlite3, unittest, urllib, xml)
RANDOM = random.Random(20)
LANGUAGES = 40
MESSAGES = 700
RECENT = collections.deque(maxlen=4000)


def load_translations():
    """Read the texts of all languages, once."""
    return {
        "language_%d" % language: {
            "message_%d" % number: "text %d of language %d, as translated" % (number, language)
            for number in range(MESSAGES)
        }
        for language in range(LANGUAGES)
    }


class Price:
    """What an article costs where."""

    def __init__(self, number):
        self.number = number
        self.amount = decimal.Decimal(number) / 100
        self.regions = [number % 7, number % 11]


class PageCache:
    """Rendered pages; the least recently used ones are dropped."""

    def __init__(self, limit):
        self.limit = limit
        self.pages = collections.OrderedDict()

    def get(self, path):
        """Give a page, rendered now or before."""
        if path in self.pages:
            self.pages.move_to_end(path)
            return self.pages[path]
        page = self.pages[path] = ("<p>%s</p>" % path) * 40
        while len(self.pages) > self.limit:
            self.pages.popitem(last=False)
        return page


@functools.lru_cache(maxsize=3000)
def render_header(number):
    """Render the head of a page; what is not asked for is dropped."""
    return ["header %d" % number, "x" * 400]


@functools.lru_cache(maxsize=None)
def region_name(number):
    """Name one of a few regions: a cache without a limit that has nothing to grow with."""
    return "region %d" % number


class Shop:
    """All innocent state of a service."""

    def __init__(self):
        self.translations = load_translations()
        self.prices = {number: Price(number) for number in range(15000)}
        self.pages = PageCache(2500)
        self.served = 0
        for number in range(4000):
            self.answer(number)

    def answer(self, number):
        """Do what every request needs, and keep nothing for good."""
        self.served += 1
        body = self.pages.get("/articles/%d" % (number % 9000))
        head = render_header(number % 8000)
        RECENT.append((self.served, time.time(), "GET /articles/%d" % number, region_name(number % 30)))
        work = [{"line": line, "of": number} for line in range(20)]
        cycle = {"head": head, "work": work}
        cycle["self"] = cycle
        return len(body) + len(work)


def serve(shop, handle):
    """Say that the service is ready, then work when asked to, or all the time."""
    every = float(sys.argv[sys.argv.index("--every") + 1]) if "--every" in sys.argv else 0.0
    sys.stdout.write(json.dumps({"markers": 0, "slotted": 0}) + "\n")
    sys.stdout.flush()
    number = 100_000
    while every:
        number = work(shop, handle, number, 50)
        time.sleep(every)
    for line in sys.stdin:
        number = work(shop, handle, number, json.loads(line).get("requests", 0))
        sys.stdout.write("{}\n")
        sys.stdout.flush()


def work(shop, handle, number, requests):
    """Serve some requests."""
    for _ in range(requests):
        shop.answer(RANDOM.randrange(100000))
        handle(number)
        number += 1
    return number
