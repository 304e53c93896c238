"""Commands that find faults in graphs: check, check-gradients, verify."""
