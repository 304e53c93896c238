"""Recording a training as a run while it runs."""
