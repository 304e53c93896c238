"""Views of tensors drawn by Qt: `sheet` paints what `nodeflow.drawing.views` draws."""
