"""The look of the window: colours, fonts and style sheet of the theme."""
