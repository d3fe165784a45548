//! End-to-end tests: the built command, on real projects, with real tools.
