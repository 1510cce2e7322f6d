"""The public nouns: services, workflows, tasks and the cluster."""
