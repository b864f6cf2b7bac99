"""The paper venue: a matching engine, faults, and real wire protocols over it on loopback sockets."""
