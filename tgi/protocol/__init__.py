"""TGI's wire format: request and answer shapes, and the rules requests are checked by. Pure: no I/O."""
