"""`make backup` and `make restore FILE=…`: all that Parley keeps, in one file of `pg_dump`'s, and back.

`reach` finds the database and the tools that fit it, `archive` writes and reads the file. With --compose nothing beyond
the standard library is imported: the machine that runs the containers need have nothing installed.
"""
