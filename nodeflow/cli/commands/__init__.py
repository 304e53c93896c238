"""The commands of the command line: one module per command, in folders by purpose."""
