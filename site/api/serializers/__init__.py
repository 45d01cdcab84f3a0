"""What the API takes and gives. Names are the data's own."""
