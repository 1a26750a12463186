"""Apache Libcloud as a driver process of Cloud Orchestrator. drivers/process/README.md is the protocol."""
