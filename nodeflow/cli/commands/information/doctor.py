"""``nodeflow doctor``: print versions and machine details for a bug report, or write a report."""

from __future__ import annotations

import argparse

from nodeflow.cli.environment import Environment
from nodeflow.cli.option_values import ArgumentProblem
from nodeflow.cli.output_format import json_line, plural
from nodeflow.number_text import bytes_text


def doctor(arguments: argparse.Namespace, environment: Environment) -> None:
    """Print versions, threads, BLAS, kernel cache, data and display; or write a report.

    Raises:
        FileProblem: the report cannot be written, or a file for it cannot be read.
        ArgumentProblem: a file for a report is given, but no report.
    """
    if arguments.bundle is not None:
        return _write(arguments, environment)
    if arguments.files:
        raise ArgumentProblem("--with adds a file to a report", hint="Give --bundle FILE.zip, too.")
    from nodeflow.host.problem_report.machine_facts import collect

    facts = collect()
    if arguments.json:
        environment.print(json_line(facts))
        return
    width = max(len(name) for entries in facts.values() for name in entries)
    for section, entries in facts.items():
        environment.print(section)
        for name, value in entries.items():
            environment.print(f"  {name:<{width}}  {value}")


def _write(arguments: argparse.Namespace, environment: Environment) -> None:
    """List the contents of a report, then write it."""
    from nodeflow.host.problem_report.collect_report import collect_report, write_report

    path = environment.path(arguments.bundle)
    parts = collect_report(with_files=[environment.path(name) for name in arguments.files])
    if arguments.json:
        sizes = [{"name": p.name, "bytes": len(p.content), "what": p.what} for p in parts]
        environment.print(json_line({"file": str(path), "parts": sizes}))
    else:
        environment.message(f"nodeflow: the report holds {plural(len(parts), 'file')}:")
        width = max(len(part.name) for part in parts)
        for part in parts:
            size = bytes_text(len(part.content))
            environment.message(f"  {part.name:<{width}}  {size:>8}  {part.what}")
    write_report(path, parts)
    environment.message(
        f"nodeflow: written to {arguments.bundle}; nothing is sent: look at it, and attach it to a "
        "report yourself"
    )
