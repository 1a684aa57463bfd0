//! A disk for tests that keeps any subset of unsynced sectors when it crashes.
