"""Views of tensors drawn by Qt: `qt_sheet` paints what `nodeflow.drawing.views` draws."""
