"""``nodeflow generate``: write text token by token with a trained graph."""

from __future__ import annotations

import argparse

from nodeflow.cli.environment import Environment
from nodeflow.cli.load_graph import load_task, open_session
from nodeflow.cli.output_format import json_line, show_notices
from nodeflow.document.to_graph.generation import generator


def generate(arguments: argparse.Namespace, environment: Environment) -> None:
    """Print the prompt, and then each token as it is generated.

    Raises:
        NodeflowError: an error in file, data, graph or run.
    """
    task = load_task(arguments, environment)
    if task.trains and not (arguments.weights or task.document.weights):
        environment.message(
            "nodeflow: warning: nothing was trained: the variables have their initial values. "
            "Use --weights with a file from nodeflow train --save-weights."
        )
    fixed = {"seed": None, "tier": "reference", "threads": None, "without": ()}
    with open_session(
        task, argparse.Namespace(**{**vars(arguments), **fixed}), environment
    ) as session:
        found = generator(
            task,
            session,
            arguments.node,
            prompt=arguments.prompt,
            length=arguments.length,
            seed=arguments.seed,
        )
    show_notices(task.notices(), environment)
    prompt = found.facts.vocabulary.decode(found.prompt).lstrip("\n")
    if arguments.json:
        tokens = list(found)
        text = "".join(token.text for token in tokens)
        numbers = [token.number for token in tokens]
        environment.print(json_line({"prompt": prompt, "text": text, "tokens": numbers}))
        return
    environment.write(prompt)
    for token in found:
        environment.write(token.text)
    environment.print()
