"""How a service talks to the server: the connection, what is held, and the running of handlers.

The connection lives on a thread with an event loop of its own, so that a handler that blocks the program's loop delays
neither heartbeats nor the answers of others. Whatever this thread keeps is touched by it alone.
"""
