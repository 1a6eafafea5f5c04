#!/usr/bin/env python3
"""Write a dataset as the daemons of several hosts do, read it with DuckDB and with Spark, and compare their sums with ours.

Needs an interpreter that has pyspark, and Java:

    scripts/check_dataset.py FILE.heapscope --spark-python /opt/spark/bin/python [--hosts 3]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heapscope.analysis.histogram import build_histogram
from heapscope.daemon.config import ExportConfig
from heapscope.daemon.control.export_process import export
from heapscope.daemon.control.sinks import constants_of, dataset_path
from heapscope.daemon.model import Kind, Record, Trigger
from heapscope.snapshot.file import load_snapshot

DAY_S = 86400.0
FIRST_DAY = 1_790_000_000.0
SERVICES = ("api", "jobs")
Sums = dict[str, tuple[int, int, int]]  # host/service/date -> files, objects, bytes
SPARK = """
import json, sys
from pyspark.sql import SparkSession, functions as f
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
rows = spark.read.parquet(sys.argv[1])
grouped = rows.groupBy("host", "service", f.col("date").cast("string").alias("date"))
sums = grouped.agg(f.countDistinct("snapshot"), f.sum("count").cast("bigint"), f.sum("shallow_bytes").cast("bigint")).collect()
print("SUMS" + json.dumps({"/".join(row[:3]): list(row[3:]) for row in sums}))
"""


def main() -> int:
    """Write, read twice, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--spark-python", help="an interpreter that has pyspark; without it only DuckDB reads")
    parser.add_argument("--hosts", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wanted = write(arguments.file, folder, arguments.hosts)
        place = f"{folder}/types"
        found = {"duckdb": by_duckdb(place)}
        if arguments.spark_python:
            found["spark"] = by_spark(arguments.spark_python, place)
    for name, sums in found.items():
        print(
            f"{name}: {len(sums)} partitions, {sum(each[1] for each in sums.values())} objects: {'as ours' if sums == wanted else 'DIFFERENT'}"
        )
    return 0 if all(sums == wanted for sums in found.values()) else 1


def write(file: str, folder: str, hosts: int) -> Sums:
    """Write two days of each service of each host; return what is in it."""
    sink = ExportConfig(kind="directory", path=folder, format="parquet")
    histogram = build_histogram(load_snapshot(file), recursive=False)
    sums: Sums = {}
    for number in range(hosts * len(SERVICES) * 2):
        host, service, day = f"web{number % hosts}", SERVICES[number // hosts % 2], number // (2 * hosts)
        record = Record(
            f"id-{number}", Kind.SNAPSHOT, service, 0, FIRST_DAY + DAY_S * day, Trigger.SCHEDULE, host_name=host
        )
        place = dataset_path(sink, record)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        export(file, "parquet", "types", place, constants_of(record))
        date = next(part.partition("=")[2] for part in Path(place).parts if part.startswith("date="))
        sums[f"{host}/{service}/{date}"] = (1, histogram.total_count, histogram.total_shallow_bytes)
    return sums


def by_duckdb(place: str) -> Sums:
    """Ask DuckDB."""
    query = (
        "select host, service, date::varchar, count(distinct snapshot)::bigint, sum(count)::bigint, sum(shallow_bytes)::bigint"
        " from read_parquet(?, hive_partitioning = true) group by all"
    )
    rows = duckdb.sql(query, params=[f"{place}/**/*.parquet"]).fetchall()
    return {"/".join(row[:3]): row[3:] for row in rows}


def by_spark(python: str, place: str) -> Sums:
    """Ask Spark."""
    done = subprocess.run([python, "-c", SPARK, place], check=True, capture_output=True, text=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("SUMS"))
    return {key: tuple(values) for key, values in json.loads(line.removeprefix("SUMS")).items()}


if __name__ == "__main__":
    sys.exit(main())
