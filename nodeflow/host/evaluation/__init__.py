"""What nodes show of a document as it is: values by reference, on a few rows, and what replaces
them."""
