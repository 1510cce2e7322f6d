"""What the wire tests share: the real binary, a REST caller, scripted clients, the earlier clients, a bad network."""
