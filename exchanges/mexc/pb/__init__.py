"""The venue's private push messages in protobuf: the definition, the module generated from it, and reading a frame."""
