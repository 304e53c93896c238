"""The kinds of views: a module each, with a `KIND`, reduces tensors to what the view draws."""
