"""Views of tensors in Qt: `qt_sheet` paints the shapes that `nodeflow.drawing.views` draws."""
